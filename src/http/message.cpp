#include "http/message.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter::http {
namespace {

constexpr std::array<std::string_view, 7> methods{"GET",   "HEAD",   "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};
constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr std::array<bool, 256> token_table = [] {
    std::array<bool, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (const char c : std::string_view{"!#$%&'*+-.^_`|~"})
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

bool is_control(char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\t') || u == 0x7f;
}

}  // namespace

std::string_view to_text(Method method) {
    return methods[static_cast<std::size_t>(method)];
}

std::optional<Method> parse_method(std::string_view name) {
    for (std::size_t i = 0; i < methods.size(); ++i)
        if (methods[i] == name) return static_cast<Method>(i);
    return std::nullopt;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i)
        if (lower(left[i]) != lower(right[i])) return false;
    return true;
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return token_table[static_cast<unsigned char>(c)];
    });
}

bool is_field_value(std::string_view text) {
    // To the end in any case: without a way out the compiler looks at sixteen bytes at once.
    bool found = false;
    for (const char c : text) found |= is_control(c);
    return !found;
}

void Headers::add(std::string_view name, std::string_view value) {
    INVARIANT(entries_.size() < fields_max);
    INVARIANT(is_token(name));
    // As many as most messages have: one allocation, not four.
    if (entries_.empty()) entries_.reserve(8);
    const std::size_t at = text_.size();
    text_.append(name).append(value);
    if (!is_field_value(value))
        std::replace_if(text_.begin() + static_cast<std::ptrdiff_t>(at + name.size()), text_.end(),
                        is_control, ' ');
    entries_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(name.size()),
                        static_cast<std::uint32_t>(value.size())});
}

void Headers::set(std::string_view name, std::string_view value) {
    erase(name);
    add(name, value);
}

void Headers::erase(std::string_view name) {
    // The text stays until the whole value goes; only the entry is forgotten.
    std::erase_if(entries_, [&](const Entry& entry) {
        return equal_ignoring_case(name,
                                   std::string_view{text_}.substr(entry.name_at, entry.name_size));
    });
}

Headers::Field Headers::operator[](std::size_t index) const {
    const Entry& entry = entries_[index];
    const std::string_view text{text_};
    return {text.substr(entry.name_at, entry.name_size),
            text.substr(entry.name_at + entry.name_size, entry.value_size)};
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].name_size != name.size()) continue;
        const Field field = (*this)[i];
        if (equal_ignoring_case(field.name, name)) return field.value;
    }
    return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
    std::size_t found = 0;
    for (const Field field : *this) found += equal_ignoring_case(field.name, name) ? 1 : 0;
    return found;
}

void Headers::clear() {
    text_.clear();
    entries_.clear();
}

std::string_view Request::path() const {
    return std::string_view{target}.substr(0, target.find('?'));
}

std::string_view Request::query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view{}
                                     : std::string_view{target}.substr(mark + 1);
}

Response make_response(int status, std::string_view content_type, std::string body) {
    Response response;
    response.status = status;
    response.headers.add("content-type", content_type);
    response.body = std::move(body);
    return response;
}

std::string_view reason_of(int status) {
    struct Named {
        int status;
        std::string_view reason;
    };
    static constexpr std::array named{
        Named{100, "Continue"},
        Named{200, "OK"},
        Named{201, "Created"},
        Named{202, "Accepted"},
        Named{204, "No Content"},
        Named{206, "Partial Content"},
        Named{301, "Moved Permanently"},
        Named{302, "Found"},
        Named{303, "See Other"},
        Named{304, "Not Modified"},
        Named{307, "Temporary Redirect"},
        Named{308, "Permanent Redirect"},
        Named{400, "Bad Request"},
        Named{401, "Unauthorized"},
        Named{403, "Forbidden"},
        Named{404, "Not Found"},
        Named{405, "Method Not Allowed"},
        Named{406, "Not Acceptable"},
        Named{408, "Request Timeout"},
        Named{409, "Conflict"},
        Named{410, "Gone"},
        Named{411, "Length Required"},
        Named{412, "Precondition Failed"},
        Named{413, "Content Too Large"},
        Named{414, "URI Too Long"},
        Named{415, "Unsupported Media Type"},
        Named{416, "Range Not Satisfiable"},
        Named{417, "Expectation Failed"},
        Named{422, "Unprocessable Content"},
        Named{428, "Precondition Required"},
        Named{429, "Too Many Requests"},
        Named{431, "Request Header Fields Too Large"},
        Named{500, "Internal Server Error"},
        Named{501, "Not Implemented"},
        Named{502, "Bad Gateway"},
        Named{503, "Service Unavailable"},
        Named{504, "Gateway Timeout"},
        Named{505, "HTTP Version Not Supported"},
        Named{507, "Insufficient Storage"},
    };
    const auto found = std::ranges::find(named, status, &Named::status);
    return found == named.end() ? "Unknown" : found->reason;
}

std::string to_http_date(Timestamp at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(at - day)};
    return fmt::format(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[std::chrono::weekday{day}.c_encoding()],
        static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
        static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
        time.seconds().count());
}

Result<Timestamp> parse_http_date(std::string_view text) {
    // Read by place: every IMF-fixdate has 29 characters.
    const auto number = [&](std::size_t at, std::size_t size) {
        int value = 0;
        for (const char c : text.substr(at, size)) {
            if (c < '0' || c > '9') return -1;
            value = value * 10 + (c - '0');
        }
        return value;
    };
    const auto refuse = [] {
        return fail(Errc::malformed, "not an HTTP date such as Tue, 26 May 2026 14:32:00 GMT");
    };
    if (text.size() != 29) return refuse();
    const auto month = std::ranges::find(months, text.substr(8, 3));
    const int day = number(5, 2), year = number(12, 4), hour = number(17, 2),
              minute = number(20, 2), second = number(23, 2);
    if (month == months.end() || day < 1 || year < 1 || hour < 0 || minute < 0 || second < 0 ||
        hour > 23 || minute > 59 || second > 60)
        return refuse();
    const std::chrono::year_month_day date{
        std::chrono::year{year},
        std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1},
        std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return refuse();
    const Timestamp at = std::chrono::sys_days{date} + std::chrono::hours{hour} +
                         std::chrono::minutes{minute} + std::chrono::seconds{std::min(second, 59)};
    // Writing it again checks the weekday, the commas, the spaces and "GMT".
    std::string again = to_http_date(at);
    if (second == 60) again.replace(23, 2, "60");
    if (again != text) return refuse();
    return at;
}

}  // namespace blotter::http
