#include "delivery/breaker.hpp"

#include <algorithm>

#include "base/invariant.hpp"

namespace blotter::delivery {

std::uint32_t Breaker::allowed(std::uint32_t limit, MonoTime now) const {
    switch (state_) {
        case State::closed:
            return limit;
        case State::open:
            return now >= open_until_ ? 1 : 0;
        case State::half_open:
            return 1;
        case State::ramp:
            return std::min(ramp_, limit);
    }
    return 0;
}

MonoTime Breaker::ready_at(MonoTime now) const {
    return state_ == State::open ? std::max(now, open_until_) : now;
}

std::uint32_t Breaker::started(MonoTime now) {
    if (state_ == State::open) {
        INVARIANT(now >= open_until_);
        state_ = State::half_open;
        epoch_ += 1;
    }
    return epoch_;
}

Breaker::Change Breaker::finished(std::uint32_t epoch, OutcomeKind kind, std::uint32_t limit,
                                  MonoTime now) {
    if (epoch != epoch_ || state_ == State::open) return Change::none;
    if (kind == OutcomeKind::not_sent) {
        // The probe did not take place: the next one may come at once.
        if (state_ == State::half_open) {
            state_ = State::open;
            open_until_ = now;
        }
        return Change::none;
    }
    const bool failure = speaks_against_receiver(kind);
    if (state_ == State::half_open) {
        if (failure) return open(now);
        state_ = State::ramp;
        ramp_ = 1;
        ramp_successes_ = 0;
        slices_ = {};
        unreachable_in_a_row_ = 0;
        return Change::none;
    }
    unreachable_in_a_row_ = kind == OutcomeKind::unreachable ? unreachable_in_a_row_ + 1 : 0;
    const bool too_many = too_many_failures(failure, now);
    if (too_many || unreachable_in_a_row_ >= unreachable_max) return open(now);
    if (state_ != State::ramp) return Change::none;
    if (!failure) return ramp_up(limit);
    if (ramp_ == 1) return open(now);
    ramp_ /= 2;
    ramp_successes_ = 0;
    return Change::none;
}

Breaker::Change Breaker::open(MonoTime now) {
    const bool was_open = state_ == State::half_open;
    state_ = State::open;
    open_until_ = now + open_time;
    epoch_ += 1;
    unreachable_in_a_row_ = 0;
    slices_ = {};
    return was_open ? Change::none : Change::opened;
}

Breaker::Change Breaker::ramp_up(std::uint32_t limit) {
    ramp_successes_ += 1;
    if (ramp_successes_ < ramp_) return Change::none;
    ramp_successes_ = 0;
    if (ramp_ >= limit) {
        state_ = State::closed;
        return Change::closed;
    }
    ramp_ = std::min(ramp_ * 2, limit);
    return Change::none;
}

bool Breaker::too_many_failures(bool failure, MonoTime now) {
    const std::int64_t number = now.time_since_epoch() / slice_time;
    Slice& slice = slices_[static_cast<std::size_t>(number) % slices];
    if (slice.number != number) slice = {.number = number};
    slice.attempts += 1;
    slice.failures += failure ? 1 : 0;
    std::uint64_t attempts = 0;
    std::uint64_t failures = 0;
    for (const Slice& each : slices_) {
        if (number - each.number >= static_cast<std::int64_t>(slices)) continue;
        attempts += each.attempts;
        failures += each.failures;
    }
    // Only a failure can open: a success that fills the sample must not.
    return failure && attempts >= sample_min && failures * 2 >= attempts;
}

std::string_view to_text(Breaker::State state) {
    switch (state) {
        case Breaker::State::closed:
            return "closed";
        case Breaker::State::open:
            return "open";
        case Breaker::State::half_open:
            return "half_open";
        case Breaker::State::ramp:
            return "ramp";
    }
    return "";
}

}  // namespace blotter::delivery
