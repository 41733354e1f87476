#include "platform.hpp"

#include <fmt/format.h>

namespace blotter::sim {

using namespace std::chrono_literals;

class SimPlatform::Pool final : public runtime::Offload {
  public:
    explicit Pool(SimPlatform& owner) : owner_(owner) {}
    void post(std::move_only_function<void()> work) override {
        const auto took = std::chrono::microseconds{owner_.dice_.between(20, 2'000)};
        owner_.work_.push_back({owner_.parts_.clock.mono() + took, std::move(work)});
    }

  private:
    SimPlatform& owner_;
};

SimPlatform::SimPlatform(Parts parts, Dice dice)
    : parts_(std::move(parts)), dice_(dice), network_entropy_(dice_.next()) {}

std::unique_ptr<runtime::Entropy> SimPlatform::make_entropy() {
    return std::make_unique<runtime::SeededEntropy>(dice_.stream(++sources_).next());
}

std::unique_ptr<runtime::Offload> SimPlatform::make_offload(std::size_t) {
    return std::make_unique<Pool>(*this);
}

std::unique_ptr<runtime::Network> SimPlatform::make_network(runtime::Loop& loop,
                                                            const std::string&) {
    if (!hub_) hub_ = std::make_unique<runtime::MemoryHub>(loop, network_entropy_);
    return std::make_unique<runtime::MemoryNetwork>(*hub_, own_address());
}

Result<std::unique_ptr<runtime::Resolver>> SimPlatform::make_resolver(runtime::Loop& loop,
                                                                      const config::Settings&) {
    auto made = std::make_unique<runtime::MemoryResolver>(loop);
    made->set_latency(1ms);
    for (std::uint32_t i = 0; i < parts_.receivers; ++i)
        made->set(receiver_name(i), {receiver_address(i)});
    resolver_ = made.get();
    return std::unique_ptr<runtime::Resolver>{std::move(made)};
}

server::Pace SimPlatform::pace() const {
    return {.deliveries = 30min,
            .overdue = 2h,
            .envelopes = {.least = 1s, .most = 6h},
            .replays = 10min,
            .documents = {.least = 1s, .most = 6h},
            .slack = {.least = 1s, .most = 6h},
            .request_log = 1h,
            .space = 1h,
            .figures = 24h,
            .retention = 3h};
}

std::optional<MonoTime> SimPlatform::next_work() const {
    if (work_.empty()) return std::nullopt;
    return work_.front().at;
}

bool SimPlatform::do_work() {
    bool any = false;
    while (!work_.empty() && work_.front().at <= parts_.clock.mono()) {
        auto run = std::move(work_.front().run);
        work_.pop_front();
        run();
        any = true;
    }
    return any;
}

runtime::IpAddress SimPlatform::own_address() {
    return boost::asio::ip::make_address("45.32.0.1");
}

runtime::IpAddress SimPlatform::receiver_address(std::uint32_t index) {
    return boost::asio::ip::make_address(fmt::format("45.33.{}.{}", index / 200, 1 + index % 200));
}

std::string SimPlatform::receiver_name(std::uint32_t index) {
    return fmt::format("r{}.receivers.example", index);
}

}  // namespace blotter::sim
