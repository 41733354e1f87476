#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace blotter::expression {

/// A place in a source, counted from 1; columns in characters.
struct Place {
    std::size_t line = 1;
    std::size_t column = 1;
};
Place place_of(std::string_view source, std::size_t offset);

/// "line 1, column 14: <message>", then the line (shortened around the place) with a caret below.
Error error_at(std::string_view source, std::size_t offset, std::string_view message);

}  // namespace blotter::expression
