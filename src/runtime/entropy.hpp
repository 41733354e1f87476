#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/ids.hpp"

namespace blotter::runtime {

/// Where randomness comes from. One instance per thread unless the driver says otherwise.
class Entropy {
  public:
    virtual ~Entropy() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;

    std::uint64_t next() {
        std::array<std::uint8_t, 8> raw;
        fill(raw);
        std::uint64_t value = 0;
        for (const std::uint8_t b : raw) value = value << 8 | b;
        return value;
    }
    /// A fresh identifier, ordered by `now`.
    template <typename IdType>
    IdType id(Timestamp now) {
        std::array<std::uint8_t, 10> raw;
        fill(raw);
        return IdType{make_uuid7(now, raw)};
    }
};

/// The operating system's generator through OpenSSL, fetched in blocks because one call for 16
/// bytes costs about half a microsecond. Not thread-safe: one per thread.
class SystemEntropy final : public Entropy {
  public:
    SystemEntropy() = default;
    ~SystemEntropy() override;
    SystemEntropy(const SystemEntropy&) = delete;
    SystemEntropy& operator=(const SystemEntropy&) = delete;
    void fill(std::span<std::uint8_t> out) override;

  private:
    std::array<std::uint8_t, 4096> block_{};
    std::size_t used_ = sizeof block_;
};

/// A reproducible sequence (SplitMix64). For tests and the simulator, never for keys in production.
class SeededEntropy final : public Entropy {
  public:
    explicit SeededEntropy(std::uint64_t seed) : state_(seed) {}
    void fill(std::span<std::uint8_t> out) override;

  private:
    std::uint64_t state_;
};

}  // namespace blotter::runtime
