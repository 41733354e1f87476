#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace blotter::delivery {

struct ThrottleConfig {
    std::uint32_t per_second_max = 100;  ///< 1 to 100,000
    std::uint32_t burst_max = 100;       ///< 1 to 100,000: how many may start at once after a rest
};

/// A token bucket for the starts towards one destination, exact in whole numbers on monotonic time.
///
/// A receiver that asks for less (429, 502, 503, 504) halves the rate: from what was configured or
/// from what was really sent in the last second, whichever is lower, so that the halving is felt
/// also by a destination far below its limit. The rate doubles again every 30 s without such an
/// answer, up to the configured one. Many refusals from requests already under way count once.
/// A value; called by the loop that owns the destination, with times that never go back.
class Throttle {
  public:
    static constexpr std::chrono::seconds recover_step{30};
    /// Retry-After can stop the whole destination for at most this long; the single delivery may
    /// wait longer by its schedule.
    static constexpr std::chrono::minutes pause_max{10};

    Throttle(ThrottleConfig config, MonoTime now);
    /// New limits; what was learned about the receiver stays.
    void configure(ThrottleConfig config, MonoTime now);

    /// The first moment at which a start is allowed: `now` or later.
    MonoTime ready_at(MonoTime now);
    /// Takes one token. There must be one: ready_at(now) == now.
    void take(MonoTime now);
    /// The start that took a token sent nothing.
    void give_back(MonoTime now);
    /// The receiver asked for less in answer to an attempt that started at `started`.
    void slow_down(MonoTime started, MonoTime now);
    /// No start before now + wait, cut to `pause_max`.
    void pause(std::chrono::nanoseconds wait, MonoTime now);

    /// The rate in force, in starts per 1,000 seconds.
    std::uint64_t rate_millihertz(MonoTime now);

  private:
    // One token is 10^12 units: nanoseconds times millihertz, so that no rate is ever rounded.
    static constexpr std::uint64_t token = 1'000'000'000'000;

    void advance(MonoTime now);
    void fill(MonoTime until);
    std::uint64_t capacity() const { return token * config_.burst_max; }
    std::uint64_t configured_rate() const { return 1'000ULL * config_.per_second_max; }
    std::uint64_t observed_rate() const;

    ThrottleConfig config_;
    std::uint64_t rate_;   ///< millihertz, 1 to configured_rate()
    std::uint64_t level_;  ///< units, 0 to capacity()
    MonoTime filled_at_;
    MonoTime recover_at_{};  ///< when the rate doubles next; only while it is reduced
    MonoTime slowed_at_;
    MonoTime paused_until_;
    MonoTime second_begin_;  ///< the running second over which starts are counted
    std::uint32_t starts_now_ = 0;
    std::uint32_t starts_before_ = 0;
};

}  // namespace blotter::delivery
