#include "api/refusals.hpp"

namespace blotter::api {

bool Refusals::take(const std::string& remote, MonoTime now) {
    const std::lock_guard lock{mutex_};
    if (minutes_.size() >= addresses_max && !minutes_.contains(remote)) minutes_.clear();
    Minute& minute = minutes_.try_emplace(remote, Minute{now}).first->second;
    if (now - minute.start >= std::chrono::minutes{1}) minute = {now};
    if (minute.count >= per_minute_) return false;
    ++minute.count;
    return true;
}

bool Refusals::is_spent(const std::string& remote, MonoTime now) const {
    const std::lock_guard lock{mutex_};
    const auto found = minutes_.find(remote);
    return found != minutes_.end() && now - found->second.start < std::chrono::minutes{1} &&
           found->second.count >= per_minute_;
}

}  // namespace blotter::api
