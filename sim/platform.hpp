#pragma once

#include <deque>
#include <memory>

#include "dice.hpp"
#include "memory_disk.hpp"
#include "runtime/memory_network.hpp"
#include "server/platform.hpp"

namespace blotter::sim {

/// The machine that one process of a run believes in: the run's clock and disk, a network and a
/// blocking pool of its own. The pool's work is done when the run says so.
class SimPlatform final : public server::Platform {
  public:
    struct Parts {
        runtime::ManualClock& clock;
        MemoryDisk& disk;
        std::string vfs;
        std::uint32_t receivers = 0;
    };
    SimPlatform(Parts parts, Dice dice);

    runtime::Clock& clock() override { return parts_.clock; }
    runtime::Disk& disk() override { return parts_.disk; }
    std::unique_ptr<runtime::Entropy> make_entropy() override;
    std::unique_ptr<runtime::Offload> make_offload(std::size_t threads) override;
    std::unique_ptr<runtime::Network> make_network(runtime::Loop& loop,
                                                   const std::string& authorities) override;
    Result<std::unique_ptr<runtime::Resolver>> make_resolver(
        runtime::Loop& loop, const config::Settings& settings) override;
    /// A small log, so that a run of few events sees it moved and started again.
    store::SqliteOptions database() const override {
        return {.vfs = parts_.vfs,
                .checkpoint_idle_bytes = 128 * 1024,
                .checkpoint_busy_bytes = 320 * 1024,
                .checkpoint_small_bytes = 32 * 1024,
                .checkpoint_small_commits = 1};
    }
    server::Pace pace() const override;

    runtime::MemoryHub& hub() { return *hub_; }
    runtime::MemoryResolver& resolver() { return *resolver_; }

    /// When the next piece of blocking work is done, if any waits.
    std::optional<MonoTime> next_work() const;
    /// Does what is due; says whether anything was.
    bool do_work();

    static runtime::IpAddress own_address();
    static runtime::IpAddress receiver_address(std::uint32_t index);
    static std::string receiver_name(std::uint32_t index);

  private:
    class Pool;
    struct Work {
        MonoTime at;
        std::move_only_function<void()> run;
    };

    Parts parts_;
    Dice dice_;
    std::uint64_t sources_ = 0;
    runtime::SeededEntropy network_entropy_;
    std::unique_ptr<runtime::MemoryHub> hub_;
    runtime::MemoryResolver* resolver_ = nullptr;  ///< the node's
    std::deque<Work> work_;
};

}  // namespace blotter::sim
