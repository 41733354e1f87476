#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace blotter::delivery {

/// The longest wait that a Retry-After can name here; anything longer is cut to it. The schedule
/// then bounds it much tighter.
inline constexpr Duration retry_after_max = std::chrono::days{366};

/// An HTTP-date (RFC 9110 section 5.6.7): IMF-fixdate, or one of the two obsolete forms (RFC 850,
/// asctime), between 1970 and 9999. Strict: exact spacing and case, a weekday that fits the date.
/// `now` decides the century of a two-digit year: never more than 50 years ahead.
std::optional<Timestamp> parse_http_date(std::string_view text, Timestamp now);

/// How long the receiver asks us to wait (RFC 9110 section 10.2.3): whole seconds or an HTTP-date.
/// A date in the past is no wait. Anything else is no answer at all and is ignored: a receiver's
/// garbage never decides when we call again.
std::optional<Duration> parse_retry_after(std::string_view value, Timestamp now);

}  // namespace blotter::delivery
