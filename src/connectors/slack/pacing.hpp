#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace blotter::connectors::slack {

struct PacingLimits {
    std::uint32_t channel_burst = 3;
    std::uint32_t workspace_per_minute = 600;
};

/// When the next message to a channel may go out: one a second in each channel after a burst, so
/// many a minute in the whole Slack workspace, and none before a `Retry-After` is over.
///
/// A place is booked: two callers never get the same one, and places of a channel are handed out in
/// the order of the questions. Pure; times never go back. One per connection's loop.
class Pacer {
  public:
    static constexpr std::chrono::nanoseconds channel_step = std::chrono::seconds{1};
    static constexpr std::uint32_t workspace_burst = 10;

    /// `team` and `channel` name the buckets. Nothing, and nothing is booked, when it would be
    /// longer than `wait_max`; `soonest` says then when to ask again.
    struct Place {
        std::optional<MonoTime> at;
        MonoTime soonest{};
    };
    Place book(std::string_view team, std::string_view channel, const PacingLimits& limits,
               MonoTime now, std::chrono::nanoseconds wait_max);
    /// Slack asked to wait, for this channel.
    void pause(std::string_view team, std::string_view channel, const PacingLimits& limits,
               MonoTime until);
    /// Forgets what has no effect any more.
    void tidy(MonoTime now);
    std::size_t size() const { return buckets_.size(); }

  private:
    /// The generic cell rate algorithm: `full_at` is when the bucket would be full again.
    struct Bucket {
        MonoTime full_at{};
        MonoTime paused_until{};
    };
    static MonoTime free_at(const Bucket& bucket, std::chrono::nanoseconds step,
                            std::uint32_t burst, MonoTime now);
    Bucket& bucket(std::string_view team, std::string_view channel);

    std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace blotter::connectors::slack
