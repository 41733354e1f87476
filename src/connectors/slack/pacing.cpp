#include "connectors/slack/pacing.hpp"

#include <algorithm>

namespace blotter::connectors::slack {

Pacer::Bucket& Pacer::bucket(std::string_view team, std::string_view channel) {
    std::string name{team};
    name += '/';
    name += channel;
    return buckets_[std::move(name)];
}

MonoTime Pacer::free_at(const Bucket& bucket, std::chrono::nanoseconds step, std::uint32_t burst,
                        MonoTime now) {
    const MonoTime by_rate = bucket.full_at - step * (std::max(burst, 1U) - 1);
    return std::max({now, by_rate, bucket.paused_until});
}

Pacer::Place Pacer::book(std::string_view team, std::string_view channel,
                         const PacingLimits& limits, MonoTime now,
                         std::chrono::nanoseconds wait_max) {
    Bucket& own = bucket(team, channel);
    Bucket& all = bucket(team, "");
    const std::chrono::nanoseconds all_step = std::chrono::nanoseconds{std::chrono::minutes{1}} /
                                              std::max(limits.workspace_per_minute, 1U);
    const MonoTime at = std::max(free_at(own, channel_step, limits.channel_burst, now),
                                 free_at(all, all_step, workspace_burst, now));
    if (at - now > wait_max) return {std::nullopt, at};
    own.full_at = std::max(own.full_at, at) + channel_step;
    // Counted when it is asked for: a place far ahead in one channel holds up no other channel.
    all.full_at = std::max(all.full_at, now) + all_step;
    return {at, at};
}

void Pacer::pause(std::string_view team, std::string_view channel, const PacingLimits& limits,
                  MonoTime until) {
    Bucket& own = bucket(team, channel);
    own.paused_until = std::max(own.paused_until, until);
    // What had been saved up for a burst is what Slack complained about.
    own.full_at =
        std::max(own.full_at, until + channel_step * (std::max(limits.channel_burst, 1U) - 1));
}

void Pacer::tidy(MonoTime now) {
    std::erase_if(buckets_, [now](const auto& entry) {
        return entry.second.full_at <= now && entry.second.paused_until <= now;
    });
}

}  // namespace blotter::connectors::slack
