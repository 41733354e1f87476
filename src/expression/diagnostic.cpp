#include "expression/diagnostic.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace blotter::expression {
namespace {

bool begins_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

}  // namespace

Place place_of(std::string_view source, std::size_t offset) {
    const std::string_view before = source.substr(0, offset);
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return {static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
            characters_in(before.substr(line_start)) + 1};
}

Error error_at(std::string_view source, std::size_t offset, std::string_view message) {
    constexpr std::size_t shown_before_max = 60;
    constexpr std::size_t shown_bytes_max = 100;
    offset = std::min(offset, source.size());
    const Place place = place_of(source, offset);
    std::size_t start = source.substr(0, offset).rfind('\n') + 1;
    if (offset - start > shown_before_max) start = offset - shown_before_max;
    while (start < offset && !begins_character(source[start])) ++start;
    const std::size_t line_end = std::min(source.find('\n', offset), source.size());
    std::string line{cut_utf8(source.substr(start, line_end - start), shown_bytes_max)};
    for (char& c : line)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return Error{
        Errc::invalid_argument,
        fmt::format("line {}, column {}: {}\n  {}\n  {:>{}}", place.line, place.column, message,
                    line, '^', characters_in(source.substr(start, offset - start)) + 1),
        {},
        std::source_location::current()};
}

}  // namespace blotter::expression
