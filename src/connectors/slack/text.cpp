#include "connectors/slack/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace blotter::connectors::slack {
namespace {

bool begins_a_point(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

/// The first code point of `text`.
std::string_view first_point(std::string_view text) {
    std::size_t size = 1;
    while (size < text.size() && !begins_a_point(text[size])) ++size;
    return text.substr(0, size);
}

/// Line and paragraph separators, and the control characters of ASCII and Latin-1.
bool is_control(std::string_view point) {
    const auto byte = static_cast<unsigned char>(point.front());
    if (point.size() == 1) return byte < 0x20 || byte == 0x7F;
    if (point.size() == 2) return byte == 0xC2 && static_cast<unsigned char>(point[1]) < 0xA0;
    return point == "\u2028" || point == "\u2029";
}

/// With these a name could make what stands after it read backwards.
bool turns_direction(std::string_view point) {
    return point.size() == 3 &&
           ((point >= "\u202A" && point <= "\u202E") || (point >= "\u2066" && point <= "\u2069"));
}

template <typename Weight>
std::string cut_by(std::string_view text, std::size_t weight_max, Weight weight_of) {
    std::string out;
    std::size_t weight = 0;
    std::size_t last = 0;  // where the last point began after which "…" still fits
    while (!text.empty()) {
        const std::string_view point = first_point(text);
        text.remove_prefix(point.size());
        if (turns_direction(point)) continue;
        if (weight < weight_max) last = out.size();
        weight += weight_of(point);
        if (weight > weight_max) {
            out.resize(last);
            return out += "…";
        }
        out += is_control(point) ? " " : point;
    }
    return out;
}

}  // namespace

std::size_t code_points(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_a_point));
}

std::string cut(std::string_view text, std::size_t points_max) {
    return cut_by(text, points_max, [](std::string_view) { return std::size_t{1}; });
}

std::string cut_to_escape(std::string_view text, std::size_t points_max) {
    return cut_by(text, points_max, [](std::string_view point) {
        return point.size() == 1 ? escape(point).size() : 1;
    });
}

std::string replace_each(std::string_view text,
                         std::initializer_list<std::pair<char, std::string_view>> replacements) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto* found =
            std::ranges::find(replacements, c, &std::pair<char, std::string_view>::first);
        if (found != replacements.end())
            out += found->second;
        else
            out += c;
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || std::string_view{"-_.~"}.contains(c);
        if (plain)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string escape(std::string_view text) {
    return replace_each(text, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}});
}

std::string clean_url(std::string_view url) {
    std::string out = replace_each(url, {{'|', "%7C"}, {'<', "%3C"}, {'>', "%3E"}, {' ', "%20"}});
    std::erase_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    return out;
}

std::string link(std::string_view url, std::string_view label) {
    std::string words{label};
    std::erase_if(words, [](char c) { return c == '|' || c == '>' || c == '<' || c == '\n'; });
    return "<" + clean_url(url) + "|" + escape(words) + ">";
}

}  // namespace blotter::connectors::slack
