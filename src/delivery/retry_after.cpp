#include "delivery/retry_after.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace blotter::delivery {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> days_short{"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> days_long{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Consumes the text from the left. The first mismatch makes every later step fail too.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    Cursor& literal(std::string_view expected) {
        if (rest_.starts_with(expected)) {
            rest_.remove_prefix(expected.size());
        } else {
            good_ = false;
        }
        return *this;
    }
    Cursor& digits(std::size_t count, int& out) {
        out = 0;
        if (rest_.size() < count) good_ = false;
        for (std::size_t i = 0; good_ && i < count; ++i) {
            if (rest_[i] < '0' || rest_[i] > '9') good_ = false;
            out = out * 10 + (rest_[i] - '0');
        }
        if (good_) rest_.remove_prefix(count);
        return *this;
    }
    /// asctime pads the day of the month with a space.
    Cursor& padded_day(int& out) {
        if (rest_.starts_with(' ')) return literal(" ").digits(1, out);
        return digits(2, out);
    }
    template <std::size_t N>
    Cursor& one_of(const std::array<std::string_view, N>& names, int& index) {
        for (std::size_t i = 0; i < N; ++i) {
            if (!rest_.starts_with(names[i])) continue;
            index = static_cast<int>(i);
            rest_.remove_prefix(names[i].size());
            return *this;
        }
        good_ = false;
        return *this;
    }
    Cursor& clock(int& h, int& m, int& s) {
        return digits(2, h).literal(":").digits(2, m).literal(":").digits(2, s);
    }
    bool done() const { return good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

struct Parts {
    int weekday = 0, day = 0, month = 0, year = 0, hour = 0, minute = 0, second = 0;
};

std::optional<Timestamp> to_time(const Parts& parts) {
    const year_month_day date{year{parts.year}, month{static_cast<unsigned>(parts.month) + 1},
                              day{static_cast<unsigned>(parts.day)}};
    if (parts.year < 1970 || !date.ok() || parts.hour > 23 || parts.minute > 59) return {};
    if (parts.second > 60) return {};  // 60 is a leap second and counts as the next minute.
    if (weekday{sys_days{date}}.c_encoding() != static_cast<unsigned>(parts.weekday)) return {};
    return sys_days{date} + hours{parts.hour} + minutes{parts.minute} + seconds{parts.second};
}

std::string_view without_padding(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::optional<Timestamp> parse_rfc850(std::string_view text, Timestamp now) {
    Parts parts;
    const bool shaped = Cursor{text}
                            .one_of(days_long, parts.weekday)
                            .literal(", ")
                            .digits(2, parts.day)
                            .literal("-")
                            .one_of(months, parts.month)
                            .literal("-")
                            .digits(2, parts.year)
                            .literal(" ")
                            .clock(parts.hour, parts.minute, parts.second)
                            .literal(" GMT")
                            .done();
    if (!shaped) return {};
    // The latest year with these two digits that is at most 50 years ahead.
    const int latest = static_cast<int>(year_month_day{floor<days>(now)}.year()) + 50;
    parts.year = latest - ((latest - parts.year) % 100 + 100) % 100;
    return to_time(parts);
}

}  // namespace

std::optional<Timestamp> parse_http_date(std::string_view text, Timestamp now) {
    Parts parts;
    const bool imf = Cursor{text}
                         .one_of(days_short, parts.weekday)
                         .literal(", ")
                         .digits(2, parts.day)
                         .literal(" ")
                         .one_of(months, parts.month)
                         .literal(" ")
                         .digits(4, parts.year)
                         .literal(" ")
                         .clock(parts.hour, parts.minute, parts.second)
                         .literal(" GMT")
                         .done();
    if (imf) return to_time(parts);
    const bool asctime = Cursor{text}
                             .one_of(days_short, parts.weekday)
                             .literal(" ")
                             .one_of(months, parts.month)
                             .literal(" ")
                             .padded_day(parts.day)
                             .literal(" ")
                             .clock(parts.hour, parts.minute, parts.second)
                             .literal(" ")
                             .digits(4, parts.year)
                             .done();
    if (asctime) return to_time(parts);
    return parse_rfc850(text, now);
}

std::optional<Duration> parse_retry_after(std::string_view value, Timestamp now) {
    const std::string_view text = without_padding(value);
    if (text.empty() || text.size() > 64) return {};
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!std::ranges::all_of(text, is_digit)) {
        const auto at = parse_http_date(text, now);
        if (!at) return {};
        return std::clamp(duration_cast<Duration>(*at - now), Duration::zero(), retry_after_max);
    }
    Duration wait{0};
    for (const char digit : text) {
        // Cut on the way, so that no number of digits can overflow.
        wait = std::min(wait * 10 + seconds{digit - '0'}, retry_after_max);
    }
    return wait;
}

}  // namespace blotter::delivery
