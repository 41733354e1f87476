#include "base/time.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace blotter {
namespace {

struct Cursor {
    std::string_view text;
    std::size_t at = 0;

    bool digits(int count, int& out) {
        if (text.size() - at < static_cast<std::size_t>(count)) return false;
        out = 0;
        for (int i = 0; i < count; ++i) {
            const char c = text[at++];
            if (c < '0' || c > '9') return false;
            out = out * 10 + (c - '0');
        }
        return true;
    }
    bool one_of(std::string_view accepted) {
        if (at >= text.size() || !accepted.contains(text[at])) return false;
        ++at;
        return true;
    }
    bool done() const { return at == text.size(); }
};

bool read_fraction(Cursor& in, int& ms) {
    ms = 0;
    if (!in.one_of(".")) return true;
    int scale = 100;
    std::size_t seen = 0;
    while (in.at < in.text.size() && in.text[in.at] >= '0' && in.text[in.at] <= '9') {
        ms += scale * (in.text[in.at] - '0');
        scale /= 10;
        ++in.at;
        if (++seen > 12) return false;
    }
    return seen > 0;
}

bool read_offset(Cursor& in, int& minutes) {
    minutes = 0;
    if (in.one_of("Zz")) return true;
    const bool negative = in.at < in.text.size() && in.text[in.at] == '-';
    int hour = 0;
    int minute = 0;
    if (!in.one_of("+-") || !in.digits(2, hour) || !in.one_of(":") || !in.digits(2, minute))
        return false;
    if (hour > 23 || minute > 59) return false;
    minutes = (hour * 60 + minute) * (negative ? -1 : 1);
    return true;
}

}  // namespace

namespace {

/// Writes a number in `count` digits that ends before `end`.
void put_digits(char* end, int count, std::int64_t number) {
    for (; count > 0; --count, number /= 10) *--end = static_cast<char>('0' + number % 10);
}

}  // namespace

TimeText rfc3339_of(Timestamp at) {
    TimeText out;
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{at - day};
    const int year = static_cast<int>(date.year());
    if (year < 0 || year > 9999) {
        const auto written = fmt::format_to_n(
            out.room(), TimeText::bytes_max, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", year,
            static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
            time.hours().count(), time.minutes().count(), time.seconds().count(),
            time.subseconds().count());
        out.set_size(std::min(written.size, TimeText::bytes_max));
        return out;
    }
    // By hand: every event is stamped several times.
    constexpr std::string_view form = "0000-00-00T00:00:00.000Z";
    char* const text = out.room();
    form.copy(text, form.size());
    out.set_size(form.size());
    put_digits(text + 4, 4, year);
    put_digits(text + 7, 2, static_cast<unsigned>(date.month()));
    put_digits(text + 10, 2, static_cast<unsigned>(date.day()));
    put_digits(text + 13, 2, time.hours().count());
    put_digits(text + 16, 2, time.minutes().count());
    put_digits(text + 19, 2, time.seconds().count());
    put_digits(text + 23, 3, time.subseconds().count());
    return out;
}

std::string to_rfc3339(Timestamp at) {
    return std::string{rfc3339_of(at).view()};
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
    Cursor in{text};
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0, offset = 0;
    const bool shaped = in.digits(4, year) && in.one_of("-") && in.digits(2, month) &&
                        in.one_of("-") && in.digits(2, day) && in.one_of("Tt ") &&
                        in.digits(2, hour) && in.one_of(":") && in.digits(2, minute) &&
                        in.one_of(":") && in.digits(2, second) && read_fraction(in, ms) &&
                        read_offset(in, offset) && in.done();
    const std::chrono::year_month_day date{std::chrono::year{year},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!shaped || !date.ok() || year < 1970 || hour > 23 || minute > 59 || second > 60)
        return fail(Errc::malformed,
                    "not an RFC 3339 time between 1970 and 9999, such as 2026-05-26T14:32:00Z");
    if (second == 60) {
        second = 59;
        ms = 999;
    }
    const Timestamp at = std::chrono::sys_days{date} + std::chrono::hours{hour} +
                         std::chrono::minutes{minute - offset} + std::chrono::seconds{second} +
                         std::chrono::milliseconds{ms};
    return at;
}

namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    const auto refuse = [&] {
        return fail(Errc::invalid_argument,
                    fmt::format("'{}' is not a duration such as 250ms, 30s, 5m or 26h35m", text));
    };
    std::int64_t total = 0;
    std::size_t next_unit = 0;
    std::size_t at = 0;
    if (text.empty()) return refuse();
    while (at < text.size()) {
        std::int64_t number = 0;
        const std::size_t start = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - start < 12)
            number = number * 10 + (text[at++] - '0');
        if (at == start) return refuse();
        const std::size_t unit_start = at;
        while (at < text.size() && text[at] >= 'a' && text[at] <= 'z') ++at;
        const std::string_view unit = text.substr(unit_start, at - unit_start);
        std::size_t index = next_unit;
        while (index < units.size() && units[index].first != unit) ++index;
        if (index == units.size() || number > 100LL * 366 * 86'400'000 / units[index].second)
            return refuse();
        total += number * units[index].second;
        next_unit = index + 1;
    }
    return Duration{total};
}

std::string to_text(Duration duration) {
    std::int64_t rest = duration.count();
    if (rest <= 0) return rest == 0 ? "0s" : "-" + to_text(-duration);
    std::string out;
    for (const auto& [name, size] : units) {
        if (rest < size) continue;
        out += fmt::format("{}{}", rest / size, name);
        rest %= size;
    }
    return out;
}

}  // namespace blotter
