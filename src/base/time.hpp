#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/short_text.hpp"

namespace blotter {

using Duration = std::chrono::milliseconds;

/// A moment of wall-clock time, UTC, in whole milliseconds since 1970. What is stored and shown.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// Monotonic time in nanoseconds since an arbitrary start. What timers and timeouts use. It is
/// never stored and never compared with a Timestamp.
struct MonoTag {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<MonoTag, duration>;
    static constexpr bool is_steady = true;
};
using MonoTime = MonoTag::time_point;

constexpr std::int64_t to_ms(Timestamp at) {
    return at.time_since_epoch().count();
}
constexpr Timestamp from_ms(std::int64_t ms) {
    return Timestamp{std::chrono::milliseconds{ms}};
}

/// RFC 3339 in UTC with milliseconds: "2026-05-26T14:32:00.123Z".
std::string to_rfc3339(Timestamp at);
/// The same without an allocation.
using TimeText = ShortText<48>;
TimeText rfc3339_of(Timestamp at);
/// Any RFC 3339 date-time with an offset, between the years 1970 and 9999; fractions beyond
/// milliseconds are cut; a leap second counts as :59.999.
Result<Timestamp> parse_rfc3339(std::string_view text);

/// "26h35m", "5m", "30s", "250ms"; parts from large to small. Used by settings and schedules.
Result<Duration> parse_duration(std::string_view text);
std::string to_text(Duration duration);

}  // namespace blotter
