#pragma once

#include <chrono>

#include "base/time.hpp"
#include "delivery/random.hpp"

namespace blotter::delivery {

/// SplitMix64 (Steele, Lea, Flood 2014): for tests only. The same seed gives the same numbers.
class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() override {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }

  private:
    std::uint64_t state_;
};

/// Always the same number: 0 gives no jitter.
struct FixedRandom final : Random {
    explicit FixedRandom(std::uint64_t number) : value(number) {}
    std::uint64_t next() override { return value; }
    std::uint64_t value;
};

/// 2026-05-26T14:32:00Z.
inline constexpr Timestamp test_epoch{std::chrono::milliseconds{1'779'805'920'000}};

/// Monotonic time that tests set by hand.
inline MonoTime mono(std::chrono::nanoseconds since_start) {
    return MonoTime{since_start};
}

}  // namespace blotter::delivery
