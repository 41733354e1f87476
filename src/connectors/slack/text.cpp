#include "connectors/slack/text.hpp"

#include <algorithm>

namespace blotter::connectors::slack {
namespace {

bool begins_a_point(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

}  // namespace

std::size_t code_points(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_a_point));
}

std::string cut(std::string_view text, std::size_t points_max) {
    std::string out;
    std::size_t points = 0;
    std::size_t last = 0;  // where the last point that fits begins
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (begins_a_point(c)) {
            if (++points > points_max) {
                out.resize(last);
                out += "…";
                return out;
            }
            last = out.size();
        }
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7F ? ' ' : c;
    }
    return out;
}

std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else
            out += c;
    }
    return out;
}

std::string clean_url(std::string_view url) {
    std::string out;
    for (const char c : url) {
        if (c == '|')
            out += "%7C";
        else if (c == '<')
            out += "%3C";
        else if (c == '>')
            out += "%3E";
        else if (c == ' ')
            out += "%20";
        else if (static_cast<unsigned char>(c) >= 0x20)
            out += c;
    }
    return out;
}

std::string link(std::string_view url, std::string_view label) {
    std::string words{label};
    std::erase_if(words, [](char c) { return c == '|' || c == '>' || c == '<' || c == '\n'; });
    return "<" + clean_url(url) + "|" + escape(words) + ">";
}

}  // namespace blotter::connectors::slack
