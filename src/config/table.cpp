#include "config/table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

namespace blotter::config {
namespace {

constexpr auto all_rows = std::to_array<Row>({
#define SECTION(name, title)
#define SETTING(section, key, kind, default_text, min, max, applies, example, help) \
    Row{#section, #section "." #key, Kind::kind, default_text, min,                 \
        max,      Applies::applies,  example,    help},
#define END_SECTION(name)
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef END_SECTION
});

constexpr auto all_sections = std::to_array<Section>({
#define SECTION(name, title) Section{#name, title},
#define SETTING(...)
#define END_SECTION(name)
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef END_SECTION
});

// Optimal string alignment distance: a swap of two neighbours counts once, as it does for a typist.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> before(right.size() + 1);
    std::vector<std::size_t> last(right.size() + 1);
    std::vector<std::size_t> now(right.size() + 1);
    for (std::size_t j = 0; j <= right.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= left.size(); ++i) {
        now[0] = i;
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t change = left[i - 1] == right[j - 1] ? 0 : 1;
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + change});
            const bool swapped =
                i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
        }
        std::swap(before, last);
        std::swap(last, now);
    }
    return last[right.size()];
}

std::string_view key_of(std::string_view name) {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

std::span<const Row> rows() {
    return all_rows;
}
std::span<const Section> sections() {
    return all_sections;
}

const Row* find_row(std::string_view name) {
    const auto found = std::ranges::find(all_rows, name, &Row::name);
    return found == all_rows.end() ? nullptr : &*found;
}

std::string environment_name(const Row& row) {
    std::string name = "BLOTTER_";
    for (const char c : row.name)
        name += c == '.' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    return name;
}

std::string bytes_text(std::int64_t bytes) {
    constexpr std::array<std::string_view, 5> units{"", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < units.size()) {
        bytes /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{}{}", bytes, units[unit]);
}

std::string allowed(const Row& row) {
    switch (row.kind) {
        case Kind::text:
            return fmt::format("text of {} to {} characters without spaces", row.min, row.max);
        case Kind::url:
            return "an address such as https://blotter.example.com, or nothing";
        case Kind::path:
            return row.min > 0 ? "a path" : "a path, or nothing";
        case Kind::address:
            return "an IP address and a port, such as 127.0.0.1:8427 or [::1]:8427";
        case Kind::optional_address:
            return "an IP address and a port, such as 127.0.0.1:9427, or nothing";
        case Kind::count:
            return fmt::format("a whole number from {} to {}", row.min, row.max);
        case Kind::auto_count:
            return fmt::format("auto, or a whole number from {} to {}", row.min, row.max);
        case Kind::bytes:
            return fmt::format("a size from {} to {}, such as 512, 64KiB, 50MiB or 1GiB",
                               bytes_text(row.min), bytes_text(row.max));
        case Kind::duration:
            return fmt::format("a duration from {} to {}, such as 250ms, 30s or 26h35m",
                               blotter::to_text(Duration{row.min}),
                               blotter::to_text(Duration{row.max}));
        case Kind::schedule:
            return fmt::format(
                "{} to {} growing durations that begin with 0s, such as \"0s, 5m, "
                "2h\"",
                row.min, row.max);
        case Kind::toggle:
            return "true or false";
        case Kind::networks:
            return fmt::format("at most {} networks, such as \"10.0.0.0/8, fd00::/8\"", row.max);
        case Kind::addresses:
            return fmt::format(
                "at most {} IP addresses with ports, such as \"192.0.2.1:53, [2001:db8::1]:53\"",
                row.max);
        case Kind::log_level:
            return "debug, info, warning or error";
        case Kind::log_format:
            return "json or text";
        case Kind::secret:
            return fmt::format("up to {} characters", row.max);
    }
    return {};
}

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::text:
            return "text";
        case Kind::url:
            return "web address";
        case Kind::path:
            return "path";
        case Kind::address:
        case Kind::optional_address:
            return "address";
        case Kind::count:
        case Kind::auto_count:
            return "count";
        case Kind::bytes:
            return "size";
        case Kind::duration:
            return "duration";
        case Kind::schedule:
            return "schedule";
        case Kind::toggle:
            return "toggle";
        case Kind::networks:
            return "list of networks";
        case Kind::addresses:
            return "list of addresses";
        case Kind::log_level:
        case Kind::log_format:
            return "choice";
        case Kind::secret:
            return "secret";
    }
    return {};
}

std::string_view nearest_name(std::string_view mistyped) {
    // Longer names are not typing mistakes, and the distance costs length times length.
    constexpr std::size_t length_max = 64;
    if (mistyped.size() > length_max) return {};
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, mistyped.size() / 4) + 1;
    for (const Row& row : all_rows) {
        const std::size_t d = distance(mistyped, row.name);
        if (d < best_distance) {
            best_distance = d;
            best = row.name;
        }
    }
    if (!best.empty()) return best;
    // The right key in the wrong section, when only one section has it.
    for (const Row& row : all_rows) {
        if (key_of(row.name) != key_of(mistyped)) continue;
        if (!best.empty()) return {};
        best = row.name;
    }
    return best;
}

}  // namespace blotter::config
