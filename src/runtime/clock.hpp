#pragma once

#include "base/time.hpp"

namespace blotter::runtime {

/// Where time comes from. Thread-safe.
class Clock {
  public:
    virtual ~Clock() = default;
    /// Wall-clock time: what is stored and shown. May jump either way.
    virtual Timestamp wall() const = 0;
    /// Monotonic time: what timers and timeouts use. Never goes back.
    virtual MonoTime mono() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
  public:
    Timestamp wall() const override;
    MonoTime mono() const override;
};

/// A clock that moves only when told to. For tests and the simulator; one thread.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(Timestamp wall = from_ms(1'700'000'000'000)) : wall_(wall) {}
    Timestamp wall() const override { return wall_; }
    MonoTime mono() const override { return mono_; }
    void advance(std::chrono::nanoseconds by) {
        mono_ += by;
        fraction_ += by;
        const auto whole = std::chrono::floor<std::chrono::milliseconds>(fraction_);
        wall_ += whole;
        fraction_ -= whole;
    }
    /// Moves the wall clock alone, as an administrator or NTP may.
    void jump_wall(Duration by) { wall_ += by; }

  private:
    Timestamp wall_;
    MonoTime mono_{std::chrono::seconds{1}};
    std::chrono::nanoseconds fraction_{};
};

}  // namespace blotter::runtime
