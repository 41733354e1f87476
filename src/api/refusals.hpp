#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/time.hpp"

namespace blotter::api {

/// Counts requests with a missing or wrong key, per remote address and minute. Who has a good key
/// is never kept out by others behind the same address: only refusals are counted and answered
/// differently. Bounded: past `addresses_max` it starts anew. From any thread.
class Refusals {
  public:
    static constexpr std::size_t addresses_max = 10'000;

    explicit Refusals(std::uint32_t per_minute) : per_minute_(per_minute) {}

    /// Counts one. False when the address had its share of this minute already.
    bool take(const std::string& remote, MonoTime now);
    /// Whether the address has had its share, without counting.
    bool is_spent(const std::string& remote, MonoTime now) const;

  private:
    struct Minute {
        MonoTime start;
        std::uint32_t count = 0;
    };

    const std::uint32_t per_minute_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Minute> minutes_;
};

}  // namespace blotter::api
