#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "api/refusals.hpp"
#include "base/ids.hpp"
#include "config/settings.hpp"
#include "delivery/throttle.hpp"

namespace blotter::api {

/// How many requests each API key may send: a lasting rate, and a burst after a rest. Bounded: past
/// `keys_max` it starts anew. From any thread.
class RequestRates {
  public:
    static constexpr std::size_t keys_max = 10'000;

    explicit RequestRates(delivery::ThrottleConfig each) : each_(each) {}

    /// Takes one request; false when the key has none left at this moment.
    bool take(const ApiKeyId& key, MonoTime now);

  private:
    const delivery::ThrottleConfig each_;
    std::mutex mutex_;
    MonoTime latest_{};  ///< loops look at the clock by themselves, a throttle wants it in order
    std::unordered_map<ApiKeyId, delivery::Throttle> rates_;
};

/// What callers may ask for, counted over all loops: a limit that each loop counted for itself
/// would be another one on each machine.
struct CallerLimits {
    explicit CallerLimits(const config::Settings& settings);

    RequestRates requests;
    Refusals keys;   ///< missing or wrong API keys, per address
    Refusals files;  ///< wrong keys of webhooks at the files of documents, per address
    Refusals slack;  ///< answers of Slack's that are not Slack's, per address
};

}  // namespace blotter::api
