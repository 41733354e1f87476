#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

namespace blotter {

/// The one of these values whose `to_text` is the text.
template <typename Enum>
std::optional<Enum> parse_one_of(std::string_view text, std::initializer_list<Enum> values) {
    for (const Enum value : values)
        if (to_text(value) == text) return value;
    return std::nullopt;
}

}  // namespace blotter
