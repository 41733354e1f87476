#include "expression/timing.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/decimal.hpp"

namespace blotter::expression {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_days;

constexpr Timestamp calendar_end = sys_days{std::chrono::year{10'000} / 1 / 1};
constexpr Duration span_max = std::chrono::seconds{315'576'000'000};

enum class Summer : std::uint8_t { never, european };

struct Zone {
    std::string_view name;
    hours winter;
    Summer summer;
};

constexpr std::array zones{
    Zone{"UTC", hours{0}, Summer::never},
    Zone{"Z", hours{0}, Summer::never},
    Zone{"Europe/Paris", hours{1}, Summer::european},
    Zone{"Europe/Amsterdam", hours{1}, Summer::european},
    Zone{"Europe/Athens", hours{2}, Summer::european},
    Zone{"Europe/Berlin", hours{1}, Summer::european},
    Zone{"Europe/Brussels", hours{1}, Summer::european},
    Zone{"Europe/Bucharest", hours{2}, Summer::european},
    Zone{"Europe/Budapest", hours{1}, Summer::european},
    Zone{"Europe/Copenhagen", hours{1}, Summer::european},
    Zone{"Europe/Dublin", hours{0}, Summer::european},
    Zone{"Europe/Helsinki", hours{2}, Summer::european},
    Zone{"Europe/Lisbon", hours{0}, Summer::european},
    Zone{"Europe/London", hours{0}, Summer::european},
    Zone{"Europe/Luxembourg", hours{1}, Summer::european},
    Zone{"Europe/Madrid", hours{1}, Summer::european},
    Zone{"Europe/Monaco", hours{1}, Summer::european},
    Zone{"Europe/Oslo", hours{1}, Summer::european},
    Zone{"Europe/Prague", hours{1}, Summer::european},
    Zone{"Europe/Rome", hours{1}, Summer::european},
    Zone{"Europe/Sofia", hours{2}, Summer::european},
    Zone{"Europe/Stockholm", hours{1}, Summer::european},
    Zone{"Europe/Vienna", hours{1}, Summer::european},
    Zone{"Europe/Warsaw", hours{1}, Summer::european},
    Zone{"Europe/Zurich", hours{1}, Summer::european},
    Zone{"America/Cayenne", hours{-3}, Summer::never},
    Zone{"America/Guadeloupe", hours{-4}, Summer::never},
    Zone{"America/Martinique", hours{-4}, Summer::never},
    Zone{"Indian/Mayotte", hours{3}, Summer::never},
    Zone{"Indian/Reunion", hours{4}, Summer::never},
    Zone{"Pacific/Noumea", hours{11}, Summer::never},
    Zone{"Pacific/Tahiti", hours{-10}, Summer::never},
};

bool is_european_summer(Timestamp at) {
    const std::chrono::year_month_day date{std::chrono::floor<days>(at)};
    const auto changes_in = [&](std::chrono::month month) {
        return sys_days{date.year() / month / std::chrono::Sunday[std::chrono::last]} + hours{1};
    };
    return at >= changes_in(std::chrono::March) && at < changes_in(std::chrono::October);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// "+02:00", "-09:30" or "02:00".
std::optional<Duration> numeric_offset(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    const bool shaped = text.size() == 5 && is_digit(text[0]) && is_digit(text[1]) &&
                        text[2] == ':' && is_digit(text[3]) && is_digit(text[4]);
    if (!shaped) return std::nullopt;
    const int hour = (text[0] - '0') * 10 + text[1] - '0';
    const int minute = (text[3] - '0') * 10 + text[4] - '0';
    if (hour > 18 || minute > 59) return std::nullopt;
    const Duration offset = hours{hour} + minutes{minute};
    return negative ? -offset : offset;
}

std::string_view take_while(std::string_view& text, bool (*wanted)(char)) {
    const auto end = std::find_if_not(text.begin(), text.end(), wanted);
    const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

struct Unit {
    std::string_view name;
    std::int64_t ms;
};
constexpr std::array units{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000},
                           Unit{"ms", 1}};

/// One part such as "1.5h" off the front of the text, in milliseconds.
std::optional<std::int64_t> take_part(std::string_view& text) {
    std::string_view number = take_while(text, [](char c) { return is_digit(c) || c == '.'; });
    const std::string_view name = take_while(text, [](char c) { return c >= 'a' && c <= 'z'; });
    const auto* unit = std::find_if(units.begin(), units.end(),
                                    [&](const Unit& known) { return known.name == name; });
    if (number.empty() || unit == units.end()) return std::nullopt;
    while (number.size() > 1 && number[0] == '0' && is_digit(number[1])) number.remove_prefix(1);
    const auto value =
        Decimal::parse(number[0] == '.' ? "0" + std::string{number} : std::string{number});
    if (!value) return std::nullopt;
    const auto ms = value->times(Decimal{unit->ms});
    return ms ? ms->to_int64() : std::nullopt;
}

}  // namespace

bool in_calendar(Timestamp at) {
    return at >= Timestamp{} && at < calendar_end;
}

bool in_range(Duration length) {
    return length >= -span_max && length <= span_max;
}

Result<Duration> parse_span(std::string_view text) {
    const auto refuse = [] {
        return fail(Errc::invalid_argument,
                    "a duration is written like 1h30m, -1.5h, 90s or 250ms, in whole milliseconds "
                    "and at most 10000 years");
    };
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    if (text == "0") return Duration{};
    if (text.empty()) return refuse();
    Duration total{};
    while (!text.empty()) {
        const auto part = take_part(text);
        if (!part || *part > span_max.count()) return refuse();
        total += Duration{*part};
        if (!in_range(total)) return refuse();
    }
    return negative ? -total : total;
}

Result<Duration> offset_of(std::string_view zone, Timestamp at) {
    if (const auto offset = numeric_offset(zone)) return *offset;
    for (const Zone& known : zones) {
        if (known.name != zone) continue;
        const bool summer = known.summer == Summer::european && is_european_summer(at);
        return Duration{known.winter + hours{summer ? 1 : 0}};
    }
    return fail(Errc::invalid_argument,
                "the time zone is not known; use UTC, an offset such as +02:00, or a European zone "
                "such as Europe/Paris");
}

}  // namespace blotter::expression
