#include "config/parse.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/utf8.hpp"

namespace blotter::config {
namespace {

// A value in a message: printable, short, on one line.
std::string shown(std::string_view text) {
    std::string out = "'";
    for (const char c : cut_utf8(text, 80)) out += c >= ' ' && c != 0x7f ? c : '?';
    return out + (text.size() > 80 ? "…'" : "'");
}

std::unexpected<Error> refuse(const Row& row, std::string_view text, std::string_view what) {
    return fail(Errc::invalid_argument,
                fmt::format("{} {}; allowed: {}", shown(text), what, allowed(row)));
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

std::string_view trim(std::string_view text) {
    const auto from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// "a, b" in two; an empty text has no parts.
std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> parts;
    if (trim(text).empty()) return parts;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        parts.push_back(trim(text.substr(at, comma - at)));
        at = comma + 1;
    }
    return parts;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
    return number;
}

bool within(const Row& row, std::uint64_t number) {
    return std::cmp_greater_equal(number, row.min) && std::cmp_less_equal(number, row.max);
}

std::optional<std::uint64_t> byte_size(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, unsigned>, 4> units{
        {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}};
    unsigned shift = 0;
    for (const auto& [unit, bits] : units) {
        if (!text.ends_with(unit)) continue;
        text = trim(text.substr(0, text.size() - unit.size()));
        shift = bits;
    }
    const auto number = whole_number(text);
    if (!number || *number > (std::uint64_t{1} << 62 >> shift)) return {};
    return *number << shift;
}

// The 4 or 16 bytes of an IP address literal; empty when it is none.
std::vector<std::uint8_t> ip_bytes(const std::string& text) {
    std::vector<std::uint8_t> bytes(16);
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
    bytes.resize(4);
    if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return bytes;
    return {};
}

// Null when the text is a network in CIDR form, else what is wrong with it.
const char* wrong_network(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return "has no prefix length, such as /32";
    const auto bytes = ip_bytes(std::string{text.substr(0, slash)});
    if (bytes.empty()) return "is not a network";
    const auto prefix = whole_number(text.substr(slash + 1));
    if (!prefix || *prefix > bytes.size() * 8) return "has a prefix length that does not fit";
    for (std::size_t bit = *prefix; bit < bytes.size() * 8; ++bit)
        if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return "has address bits behind its prefix; write the network's first address";
    return nullptr;
}

Result<> check_url(const Row& row, std::string_view text) {
    if (text.empty()) return {};
    std::string_view rest = text;
    if (rest.starts_with("https://"))
        rest.remove_prefix(8);
    else if (rest.starts_with("http://"))
        rest.remove_prefix(7);
    else
        return refuse(row, text, "does not begin with https:// or http://");
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const bool plain = !rest.empty() && std::ranges::all_of(rest, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view{".-:[]"}.contains(c);
    });
    if (!plain) return refuse(row, text, "is more than a scheme, a host and a port");
    return {};
}

}  // namespace

Result<> parse_value(const Row& row, std::string_view text, std::string& out) {
    if (has_control(text) || find_invalid_utf8(text))
        return refuse(row, text, "has control characters or is not UTF-8");
    if (std::cmp_less(text.size(), row.min) || std::cmp_greater(text.size(), row.max))
        return refuse(row, text, "is too short or too long");
    if (row.kind == Kind::url) CHECK(check_url(row, text));
    if (row.kind == Kind::text && text.find_first_of(" +") != std::string_view::npos)
        return refuse(row, text, "has a space or a plus sign");
    out = text;
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, std::filesystem::path& out) {
    if (has_control(text)) return refuse(row, text, "has control characters");
    if (std::cmp_less(text.size(), row.min) || std::cmp_greater(text.size(), row.max))
        return refuse(row, text, "is too short or too long");
    out = text;
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, HostPort& out) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return refuse(row, text, "has no port");
    std::string host{text.substr(0, colon)};
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const std::size_t bytes = ip_bytes(host).size();
    if (bytes == 0) return refuse(row, text, "does not begin with an IP address");
    if (bytes == 16 && !bracketed) return refuse(row, text, "lacks [ ] around its IPv6 address");
    if (bytes == 4 && bracketed) return refuse(row, text, "has [ ] around an IPv4 address");
    const auto port = whole_number(text.substr(colon + 1));
    if (!port || *port > 65535) return refuse(row, text, "has a port outside 0 to 65535");
    out = HostPort{std::move(host), static_cast<std::uint16_t>(*port)};
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, std::optional<HostPort>& out) {
    out.reset();
    if (text.empty()) return {};
    return parse_value(row, text, out.emplace());
}

Result<> parse_value(const Row& row, std::string_view text, std::uint64_t& out) {
    const auto number = row.kind == Kind::bytes ? byte_size(text) : whole_number(text);
    if (!number) return refuse(row, text, row.kind == Kind::bytes ? "is no size" : "is no count");
    if (!within(row, *number)) return refuse(row, text, "is out of bounds");
    out = *number;
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, std::optional<std::uint64_t>& out) {
    out.reset();
    if (text == "auto") return {};
    return parse_value(row, text, out.emplace());
}

Result<> parse_value(const Row& row, std::string_view text, Duration& out) {
    const auto duration = parse_duration(text);
    if (!duration) return refuse(row, text, "is no duration");
    if (duration->count() < row.min || duration->count() > row.max)
        return refuse(row, text, "is out of bounds");
    out = *duration;
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, std::vector<Duration>& out) {
    constexpr Duration window_max = std::chrono::days{30};
    constexpr Duration step_min = std::chrono::seconds{1};
    out.clear();
    const auto parts = split_list(text);
    if (std::cmp_less(parts.size(), row.min) || std::cmp_greater(parts.size(), row.max))
        return refuse(row, text, "has too few or too many entries");
    for (const std::string_view part : parts) {
        const auto at = parse_duration(part);
        if (!at) return refuse(row, part, "is no duration");
        if (!out.empty() && *at > out.back() && *at - out.back() < step_min)
            return refuse(row, part, "is less than 1s after the one before");
        if (out.empty() && *at != Duration::zero()) return refuse(row, part, "is not 0s");
        if (!out.empty() && *at <= out.back())
            return refuse(row, part, "is not later than the entry before it");
        if (*at > window_max) return refuse(row, part, "is later than 30 days");
        out.push_back(*at);
    }
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, bool& out) {
    if (text != "true" && text != "false") return refuse(row, text, "is neither");
    out = text == "true";
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, std::vector<std::string>& out) {
    out.clear();
    const auto parts = split_list(text);
    if (std::cmp_greater(parts.size(), row.max)) return refuse(row, text, "has too many entries");
    for (const std::string_view part : parts) {
        if (const char* wrong = wrong_network(part)) return refuse(row, part, wrong);
        out.emplace_back(part);
    }
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, std::vector<HostPort>& out) {
    out.clear();
    const auto parts = split_list(text);
    if (std::cmp_greater(parts.size(), row.max)) return refuse(row, text, "has too many entries");
    for (const std::string_view part : parts) CHECK(parse_value(row, part, out.emplace_back()));
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, LogLevel& out) {
    constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};
    const auto found = std::ranges::find(names, text);
    if (found == names.end()) return refuse(row, text, "is no level");
    out = static_cast<LogLevel>(found - names.begin());
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, LogFormat& out) {
    if (text != "json" && text != "text") return refuse(row, text, "is no format");
    out = text == "json" ? LogFormat::json : LogFormat::text;
    return {};
}

Result<> parse_value(const Row& row, std::string_view text, SecretText& out) {
    if (std::cmp_greater(text.size(), row.max))
        return fail(Errc::invalid_argument, "the secret is too long; allowed: " + allowed(row));
    out = SecretText{text};
    return {};
}

}  // namespace blotter::config
