#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace blotter::sim {

/// What the world outside of the process saw: nothing here comes from the program's memory or
/// database. The checkers compare the database with it.
struct SentEvent {
    bool acknowledged = false;
    std::optional<MonoTime> first_asked;
    bool asking = false;  ///< a request is under way
    unsigned tries = 0;
};

/// One whole request that came to a receiver.
struct Arrival {
    MonoTime at;
    Timestamp wall;
    std::uint32_t destination = 0;
    std::uint32_t event = 0;
    std::uint64_t body_hash = 0;
    /// When the last byte of a 2xx was on its way.
    std::optional<MonoTime> said_yes;
    bool over = false;  ///< the receiver has done with it
};

/// A checkpoint that somebody was shown.
struct ShownCheckpoint {
    std::string origin;
    std::uint64_t size = 0;
    std::string root;  ///< base64
};

/// Why the process ended.
struct ProcessEnd {
    MonoTime at;
    std::string why;
};

struct History {
    std::vector<SentEvent> events;
    std::vector<Arrival> arrivals;
    std::vector<ShownCheckpoint> checkpoints;
    std::string verifier_key;
    std::vector<ProcessEnd> ends;
    /// (destination, event) for which somebody asked to send again, and when last.
    std::map<std::pair<std::uint32_t, std::uint32_t>, MonoTime> replays;
    std::vector<std::pair<MonoTime, MonoTime>> disk_full;  ///< from, to
    std::vector<MonoTime> jumps;                           ///< of the wall clock
    Duration jumped{};                                     ///< by how much in all, both ways added
    Duration down{};                                       ///< without a process, in all
    /// By destination: when somebody paused or resumed it, as far as anybody knows.
    std::map<std::uint32_t, std::vector<Timestamp>> turned;
    std::uint64_t refused = 0;  ///< answers 429, 503 and 507 to clients
};

}  // namespace blotter::sim
