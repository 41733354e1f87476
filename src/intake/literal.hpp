#pragma once

#include <string_view>
#include <utility>

#include "base/invariant.hpp"
#include "base/json.hpp"

namespace blotter::intake {

/// JSON that stands in the source: a mistake in it is a programming error.
inline json::Value parsed(std::string_view text) {
    auto value = json::parse(text);
    INVARIANT(value.has_value());
    return *std::move(value);
}

}  // namespace blotter::intake
