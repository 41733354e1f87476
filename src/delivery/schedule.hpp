#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "delivery/random.hpp"

namespace blotter::delivery {

inline constexpr std::size_t schedule_attempts_max = 20;
inline constexpr Duration schedule_window_max = std::chrono::days{30};
/// Two attempts of one delivery are never planned closer than this.
inline constexpr Duration schedule_step_min = std::chrono::seconds{1};
/// A retry comes late by at most this share of its step, unless the settings say otherwise, and
/// never by more than `jitter_max`.
inline constexpr std::uint32_t jitter_percent_standard = 20;
inline constexpr Duration jitter_max = std::chrono::minutes{15};
/// How long after its last planned attempt a delivery may still be waiting for its turn (throttle,
/// open circuit, a queue that drains) before it is given up.
inline constexpr Duration window_grace = std::chrono::minutes{5};

/// The planned times of the attempts of a delivery, as offsets from the start of the first one.
/// Invariant: 1 to 20 offsets, the first is zero, each at least one second after the one before,
/// none beyond 30 days. A value without allocation; attempts are counted from 1.
class Schedule {
  public:
    /// 0, 5 min, 35 min, 2 h 35, 26 h 35, 50 h 35, 72 h.
    static Schedule standard();
    static Result<Schedule> create(std::span<const Duration> offsets,
                                   std::uint32_t jitter_percent = jitter_percent_standard);
    /// The text form: durations with commas between them, for example "0s, 5m, 35m, 2h35m".
    static Result<Schedule> parse(std::string_view text);
    std::string to_text() const;

    std::uint32_t attempts_max() const { return count_; }
    /// When attempt number `attempt` is planned, counted from the start of the first.
    Duration offset_of(std::uint32_t attempt) const;
    /// The wait planned between attempt number `attempt` and the next. There must be a next one.
    Duration step_after(std::uint32_t attempt) const;
    /// From the first attempt to the last.
    Duration window() const { return offset_of(count_); }

    /// The widest lateness of a retry, as a share of the step before it.
    std::uint32_t jitter_percent() const { return jitter_percent_; }

    bool operator==(const Schedule&) const = default;

  private:
    Schedule() = default;
    std::array<Duration, schedule_attempts_max> offsets_{};
    std::uint32_t count_ = 0;
    std::uint32_t jitter_percent_ = jitter_percent_standard;
};

/// What the time of the next attempt depends on.
struct FailedAttempt {
    std::uint32_t attempts_made = 0;  ///< including the one that has just failed
    Timestamp first_started;          ///< start of the first attempt
    Timestamp ended;                  ///< end of the one that has just failed
    std::optional<Duration> retry_after;
};

/// When the next attempt is due; nothing when the delivery has failed for good: no attempts left,
/// or the window is over.
///
/// The plan counts from the FIRST attempt, so lateness does not add up, and:
/// 1. late by jitter (uniform in 0..`jitter_percent` of the step, at most `jitter_max`), never
/// early;
/// 2. at least half a step after the end of the attempt before, so that a delivery that comes late
///    out of a long pause does not burn its remaining attempts within seconds;
/// 3. Retry-After may move it later, to at most two steps after the answer, never earlier;
/// 4. never past the last planned attempt, which itself has no jitter.
std::optional<Timestamp> next_due(const Schedule& schedule, const FailedAttempt& failed,
                                  Random& random);

}  // namespace blotter::delivery
