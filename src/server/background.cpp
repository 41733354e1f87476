#include "server/background.hpp"

#include "api/envelope_clock.hpp"
#include "api/replay_runner.hpp"
#include "runtime/task_group.hpp"

namespace blotter::server {
namespace {

class Expiry final : public Background {
  public:
    explicit Expiry(api::Services& services) : clock_(services), tasks_(services.loop) {}
    void start() override { tasks_.spawn(clock_.run()); }
    runtime::Task<> stop() override {
        clock_.stop();
        co_await tasks_.join();
    }

  private:
    api::EnvelopeClock clock_;
    runtime::TaskGroup tasks_;
};

class Replays final : public Background {
  public:
    explicit Replays(api::Services& services) : runner_(services) {}
    void start() override { runner_.start(); }
    runtime::Task<> stop() override { co_await runner_.stop(); }

  private:
    api::ReplayRunner runner_;
};

}  // namespace

std::vector<std::unique_ptr<Background>> make_background(api::Services& services) {
    std::vector<std::unique_ptr<Background>> out;
    out.push_back(std::make_unique<Expiry>(services));
    out.push_back(std::make_unique<Replays>(services));
    return out;
}

}  // namespace blotter::server
