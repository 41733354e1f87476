#pragma once

#include "runtime/entropy.hpp"
#include "security/random_source.hpp"

namespace blotter::server {

/// The entropy of a thread as the keys' source of randomness.
class RandomFrom final : public security::RandomSource {
  public:
    explicit RandomFrom(runtime::Entropy& entropy) : entropy_(entropy) {}
    void fill(std::span<std::uint8_t> out) override { entropy_.fill(out); }

  private:
    runtime::Entropy& entropy_;
};

}  // namespace blotter::server
