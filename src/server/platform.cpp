#include "server/platform.hpp"

#include "runtime/system_network.hpp"
#include "runtime/system_resolver.hpp"

namespace blotter::server {
namespace {

class Machine final : public Platform {
  public:
    runtime::Clock& clock() override { return clock_; }
    runtime::Disk& disk() override { return *disk_; }
    std::unique_ptr<runtime::Entropy> make_entropy() override {
        return std::make_unique<runtime::SystemEntropy>();
    }
    std::unique_ptr<runtime::Offload> make_offload(std::size_t threads) override {
        return std::make_unique<runtime::ThreadOffload>(threads);
    }
    std::unique_ptr<runtime::Network> make_network(runtime::Loop& loop,
                                                   const std::string& authorities) override {
        return std::make_unique<runtime::SystemNetwork>(loop, authorities);
    }
    Result<std::unique_ptr<runtime::Resolver>> make_resolver(
        runtime::Loop& loop, const config::Settings& settings) override {
        runtime::SystemResolverOptions resolving;
        resolving.time_max = settings.dns.timeout;
        for (const config::HostPort& server : settings.dns.servers)
            resolving.servers.push_back(config::to_text(server));
        TRY(auto resolver, runtime::SystemResolver::open(loop, resolving));
        return std::unique_ptr<runtime::Resolver>{std::move(resolver)};
    }

  private:
    runtime::SystemClock clock_;
    std::unique_ptr<runtime::Disk> disk_ = runtime::make_system_disk();
};

}  // namespace

std::unique_ptr<Platform> make_machine() {
    return std::make_unique<Machine>();
}

}  // namespace blotter::server
