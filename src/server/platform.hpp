#pragma once

#include <memory>
#include <string>

#include "config/settings.hpp"
#include "runtime/clock.hpp"
#include "runtime/disk.hpp"
#include "runtime/entropy.hpp"
#include "runtime/net.hpp"
#include "runtime/offload.hpp"
#include "store/commits.hpp"
#include "store/sqlite/sqlite_connection.hpp"

namespace blotter::server {

/// How often what runs beside the requests looks by itself for something to do. The simulator, to
/// which a month is a moment, looks less often.
struct Pace {
    Duration deliveries{1'000};
    Duration overdue{60'000};
    store::Rounds envelopes{};
    Duration replays{1'000};
    store::Rounds documents{};
    store::Rounds slack{.least = Duration{500}};
    Duration request_log{1'000};
    Duration space{1'000};
    Duration figures{15'000};
    Duration retention{600'000};
};

/// What a node stands on: time, randomness, disk, network, threads. `make_machine` is the real one;
/// the simulator brings its own. Outlives the node.
class Platform {
  public:
    virtual ~Platform() = default;
    virtual runtime::Clock& clock() = 0;
    virtual runtime::Disk& disk() = 0;
    /// A source of randomness for one thread.
    virtual std::unique_ptr<runtime::Entropy> make_entropy() = 0;
    /// So many threads for what would block a loop.
    virtual std::unique_ptr<runtime::Offload> make_offload(std::size_t threads) = 0;
    /// The network as this loop sees it. `authorities` (PEM) are trusted besides the machine's.
    virtual std::unique_ptr<runtime::Network> make_network(runtime::Loop& loop,
                                                           const std::string& authorities) = 0;
    virtual Result<std::unique_ptr<runtime::Resolver>> make_resolver(
        runtime::Loop& loop, const config::Settings& settings) = 0;
    /// The file system that the database is on and the sizes of its log; the rest is set by whoever
    /// opens it.
    virtual store::SqliteOptions database() const { return {}; }
    virtual Pace pace() const { return {}; }
};

/// The machine that the program runs on.
std::unique_ptr<Platform> make_machine();

}  // namespace blotter::server
