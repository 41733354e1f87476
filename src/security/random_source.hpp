#pragma once

#include <cstdint>
#include <span>

namespace blotter::security {

/// Where keys, nonces and tokens come from. In production an adapter over the operating system's
/// generator; a reproducible one only in tests and simulation. Not thread-safe unless the driver
/// says so.
class RandomSource {
  public:
    virtual ~RandomSource() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;
};

}  // namespace blotter::security
