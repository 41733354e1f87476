#include "delivery/throttle.hpp"

#include <algorithm>

#include "base/invariant.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t rate_min_millihertz = 1'000;

std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) {
    return (value + by - 1) / by;
}

ThrottleConfig bounded(ThrottleConfig config) {
    return {.per_second_max = std::clamp(config.per_second_max, 1U, 100'000U),
            .burst_max = std::clamp(config.burst_max, 1U, 100'000U)};
}

}  // namespace

Throttle::Throttle(ThrottleConfig config, MonoTime now)
    : config_(bounded(config)),
      rate_(configured_rate()),
      level_(capacity()),
      filled_at_(now),
      slowed_at_(MonoTime::min()),
      paused_until_(now),
      second_begin_(now) {}

void Throttle::configure(ThrottleConfig config, MonoTime now) {
    advance(now);
    const bool reduced = rate_ < configured_rate();
    config_ = bounded(config);
    rate_ = reduced ? std::min(rate_, configured_rate()) : configured_rate();
    level_ = std::min(level_, capacity());
}

/// Adds what flows in until `until` at the present rate. Exact: never more than fits is computed,
/// and below that elapsed * rate is less than the capacity, at most 10^17.
void Throttle::fill(MonoTime until) {
    if (until <= filled_at_) return;
    const auto elapsed = static_cast<std::uint64_t>((until - filled_at_).count());
    const std::uint64_t missing = capacity() - level_;
    level_ = elapsed >= divide_up(missing, rate_) ? capacity() : level_ + elapsed * rate_;
    filled_at_ = until;
}

void Throttle::advance(MonoTime now) {
    while (rate_ < configured_rate() && recover_at_ <= now) {
        fill(recover_at_);
        rate_ = std::min(rate_ * 2, configured_rate());
        recover_at_ += recover_step;
    }
    fill(now);
    if (now - second_begin_ >= 1s) {
        starts_before_ = now - second_begin_ < 2s ? starts_now_ : 0;
        starts_now_ = 0;
        second_begin_ = now;
    }
}

MonoTime Throttle::ready_at(MonoTime now) {
    advance(now);
    const MonoTime allowed = std::max(now, paused_until_);
    if (level_ >= token) return allowed;
    // The rate may double on the way: walk over the steps, at most 17 from 1/s to 100,000/s.
    std::uint64_t level = level_;
    std::uint64_t rate = rate_;
    MonoTime at = now;
    MonoTime doubles_at = recover_at_;
    while (true) {
        const MonoTime full{at + std::chrono::nanoseconds{divide_up(token - level, rate)}};
        if (rate >= configured_rate() || full <= doubles_at) return std::max(full, allowed);
        level += static_cast<std::uint64_t>((doubles_at - at).count()) * rate;
        at = doubles_at;
        rate = std::min(rate * 2, configured_rate());
        doubles_at += recover_step;
    }
}

void Throttle::take(MonoTime now) {
    advance(now);
    INVARIANT(level_ >= token);
    INVARIANT(now >= paused_until_);
    level_ -= token;
    starts_now_ += 1;
}

void Throttle::give_back(MonoTime now) {
    advance(now);
    level_ = std::min(level_ + token, capacity());
    if (starts_now_ > 0) starts_now_ -= 1;
}

std::uint64_t Throttle::observed_rate() const {
    return 1'000ULL * std::max({starts_now_, starts_before_, 1U});
}

void Throttle::slow_down(MonoTime started, MonoTime now) {
    advance(now);
    recover_at_ = now + recover_step;
    if (started < slowed_at_) return;
    slowed_at_ = now;
    rate_ = std::max(std::min(rate_, observed_rate()) / 2,
                     std::min(rate_min_millihertz, configured_rate()));
    // What was saved up for a burst is void: the burst is what the receiver complained about.
    level_ = std::min(level_, token);
}

void Throttle::pause(std::chrono::nanoseconds wait, MonoTime now) {
    const std::chrono::nanoseconds bounded_wait =
        std::clamp<std::chrono::nanoseconds>(wait, 0ns, pause_max);
    paused_until_ = std::max(paused_until_, now + bounded_wait);
}

std::uint64_t Throttle::rate_millihertz(MonoTime now) {
    advance(now);
    return rate_;
}

}  // namespace blotter::delivery
