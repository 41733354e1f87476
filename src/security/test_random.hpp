#pragma once

#include <cstdint>
#include <span>

#include "security/random_source.hpp"

namespace blotter::security {

/// A reproducible sequence (SplitMix64) for tests. Never for real keys.
class TestRandom final : public RandomSource {
  public:
    explicit TestRandom(std::uint64_t seed) : state_(seed) {}
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next());
    }
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        return z ^ z >> 31;
    }

  private:
    std::uint64_t state_;
};

}  // namespace blotter::security
