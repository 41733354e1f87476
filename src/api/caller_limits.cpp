#include "api/caller_limits.hpp"

#include <algorithm>

namespace blotter::api {

bool RequestRates::take(const ApiKeyId& key, MonoTime now) {
    const std::lock_guard lock{mutex_};
    latest_ = std::max(latest_, now);
    if (rates_.size() >= keys_max && !rates_.contains(key)) rates_.clear();
    delivery::Throttle& throttle = rates_.try_emplace(key, each_, latest_).first->second;
    if (throttle.ready_at(latest_) > latest_) return false;
    throttle.take(latest_);
    return true;
}

CallerLimits::CallerLimits(const config::Settings& settings)
    : requests({.per_second_max = static_cast<std::uint32_t>(settings.api.requests_per_second),
                .burst_max = static_cast<std::uint32_t>(settings.api.requests_burst)}),
      keys(static_cast<std::uint32_t>(settings.api.refusals_per_minute)),
      files(static_cast<std::uint32_t>(settings.api.refusals_per_minute)),
      slack(static_cast<std::uint32_t>(settings.api.refusals_per_minute)) {}

}  // namespace blotter::api
