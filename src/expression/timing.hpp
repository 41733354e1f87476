#pragma once

#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace blotter::expression {

/// The times that the language can hold: those of RFC 3339 text from 1970 to 9999.
bool in_calendar(Timestamp at);
/// Durations of at most 10000 years (of 365.25 days) either way, as in CEL.
bool in_range(Duration length);

/// The text form of CEL's duration(): "1h30m", "-1.5h", "250ms", "0"; units h, m, s, ms. What is
/// no whole number of milliseconds is refused.
Result<Duration> parse_span(std::string_view text);

/// How far local time is ahead of UTC at a moment, for "UTC", an offset such as "+02:00", or the
/// name of a zone in Europe or overseas France. Computed, not read from a time zone database: in
/// Europe from the rule in force since 1996 (directive 2000/84/EC: summer time from the last
/// Sunday of March to the last Sunday of October, 01:00 UTC), elsewhere from the fixed offset.
Result<Duration> offset_of(std::string_view zone, Timestamp at);

}  // namespace blotter::expression
