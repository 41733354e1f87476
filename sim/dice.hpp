#pragma once

#include <chrono>
#include <cstdint>
#include <span>

namespace blotter::sim {

/// Everything that is left to chance in a run comes from one seed, through streams that do not
/// disturb each other (SplitMix64).
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    /// A stream of its own: drawing more from one does not shift another.
    Dice stream(std::uint64_t number) const {
        Dice other{state_ ^ (number * 0xD1B54A32D192ED03ULL)};
        other.next();
        return other;
    }
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    /// 0 to n - 1.
    std::uint64_t below(std::uint64_t n) { return next() % n; }
    /// Both included.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
    }
    bool chance(unsigned percent) { return below(100) < percent; }
    template <typename T>
    const T& pick(std::span<const T> from) {
        return from[below(from.size())];
    }
    /// Short times are as likely as long ones: a second, a minute, an hour, a day.
    std::chrono::nanoseconds span(std::chrono::nanoseconds low, std::chrono::nanoseconds high);

  private:
    std::uint64_t state_;
};

}  // namespace blotter::sim
