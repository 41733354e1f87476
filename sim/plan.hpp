#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "dice.hpp"

namespace blotter::sim {

/// How a receiver behaves for a while.
enum class Mood : std::uint8_t {
    fine,         ///< 200 at once
    slow,         ///< 200 after seconds
    late,         ///< 200 when the sender has given up
    failing,      ///< 5xx
    refusing,     ///< 4xx
    gone,         ///< 410
    busy,         ///< 429 and 503 with all kinds of Retry-After
    hanging,      ///< never answers
    resetting,    ///< breaks the connection when it has the request
    half,         ///< breaks off in the middle of its 200
    redirecting,  ///< 307
    babbling,     ///< answers something that is no HTTP
    closed,       ///< refuses connections
    silent,       ///< drops connections' first packet
    nameless      ///< its name does not resolve
};
std::string_view to_text(Mood mood);

struct DestinationPlan {
    std::vector<std::string> types;  ///< empty: all
    std::vector<Duration> schedule;  ///< offsets of the attempts
    bool own_schedule = false;
    unsigned concurrency = 10;
    unsigned rate = 0;
    bool ordered = false;
    Duration timeout{30'000};
    std::chrono::nanoseconds latency{};

    bool wants(std::string_view type) const;
};

struct EventPlan {
    EventId id;
    std::string type;
    std::string body;  ///< of the request
};

/// What the run does by itself.
enum class Deed : std::uint8_t {
    submit,  ///< event `who`
    mood,    ///< destination `who` changes to `mood`
    pause,   ///< destination `who`, and the next three
    disable,
    resume,
    rotate,
    replay,        ///< one delivery that ended
    replay_all,    ///< of destination `who`
    cancel,        ///< one delivery that waits
    checkpoint,    ///< fetch the signed one
    inspect,       ///< read the database and check everything
    end_process,   ///< kill -9
    cut_power,     ///< now
    cut_in_write,  ///< at one of the next calls to the disk
    fail_sync,     ///< one of the next fsyncs fails, and what it was for is lost
    fail_io,       ///< one of the next calls answers EIO
    fill_disk,
    free_disk,
    restart,    ///< an orderly stop
    jump_clock  ///< the wall clock is set, by `jump`
};
std::string_view to_text(Deed deed);
/// Whether it is asked for until it does come about, also by the next process.
bool must_come_about(Deed deed);

struct Step {
    Deed what = Deed::inspect;
    std::uint32_t who = 0;
    Mood mood = Mood::fine;
    Duration jump{};
};
struct TimedStep {
    std::chrono::nanoseconds at{};  ///< since the start
    Step step;
};

/// What of it all a run has.
struct PlanOptions {
    std::uint64_t seed = 1;
    unsigned days = 30;
    bool faults = true;
};

/// The whole run before it begins: drawn from the seed alone.
struct Plan {
    std::vector<DestinationPlan> destinations;
    std::vector<EventPlan> events;
    std::vector<TimedStep> steps;     ///< in no order
    std::chrono::nanoseconds calm{};  ///< from here on nothing new goes wrong
    std::chrono::nanoseconds end{};
    unsigned writer_queue_max = 10'000;
    unsigned delivery_queue_max = 100'000;
    unsigned in_flight_max = 1'000;
    std::chrono::seconds checkpoint_interval{60};
};
Plan draw_plan(const PlanOptions& options, Timestamp start);

}  // namespace blotter::sim
