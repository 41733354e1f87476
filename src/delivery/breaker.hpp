#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/time.hpp"
#include "delivery/outcome.hpp"

namespace blotter::delivery {

/// The circuit breaker of one destination.
///
/// closed → open at >= 50 % failures of >= 10 attempts within 60 s, or after 5 failures to connect
/// in a row. Open for 60 s, then one probe (half-open): a failure opens it for another 60 s, a
/// success starts the ramp: 1, 2, 4, … attempts at once, doubled after as many successes, up to
/// the destination's limit; then closed. On the ramp a failure halves the allowance, and at 1
/// opens again.
///
/// Only what speaks against the receiver as a whole counts as failure: no connection, no answer,
/// 5xx. A 4xx, a 429 or a redirect proves that it is alive. An open circuit delays; it consumes
/// no attempt. Outcomes of attempts from before the last change of mind are ignored.
/// A value; called by the loop that owns the destination, with times that never go back.
class Breaker {
  public:
    enum class State : std::uint8_t { closed, open, half_open, ramp };
    enum class Change : std::uint8_t { none, opened, closed };

    static constexpr std::chrono::seconds open_time{60};
    static constexpr std::chrono::seconds window{60};
    static constexpr std::uint32_t sample_min = 10;
    static constexpr std::uint32_t unreachable_max = 5;

    /// How many attempts may be under way now, at most `limit`, the destination's own.
    std::uint32_t allowed(std::uint32_t limit, MonoTime now) const;
    /// The first moment at which an attempt may start at all: `now` or later.
    MonoTime ready_at(MonoTime now) const;
    /// An attempt starts. The number goes back into `finished`.
    std::uint32_t started(MonoTime now);
    /// `limit` is the destination's concurrency limit, at which the ramp ends.
    Change finished(std::uint32_t epoch, OutcomeKind kind, std::uint32_t limit, MonoTime now);

    State state() const { return state_; }
    MonoTime open_until() const { return open_until_; }

  private:
    static constexpr std::size_t slices = 6;
    static constexpr std::chrono::nanoseconds slice_time = window / slices;
    struct Slice {
        std::int64_t number = -1;  ///< time divided by slice_time
        std::uint32_t attempts = 0;
        std::uint32_t failures = 0;
    };

    Change open(MonoTime now);
    Change ramp_up(std::uint32_t limit);
    bool too_many_failures(bool failure, MonoTime now);

    State state_ = State::closed;
    std::uint32_t epoch_ = 0;  ///< grows when older outcomes stop to matter
    std::uint32_t unreachable_in_a_row_ = 0;
    std::uint32_t ramp_ = 1;
    std::uint32_t ramp_successes_ = 0;
    MonoTime open_until_{};
    std::array<Slice, slices> slices_{};
};

std::string_view to_text(Breaker::State state);

}  // namespace blotter::delivery
