#include "expression/kinds.hpp"

#include <array>

namespace blotter::expression {

std::string_view name_of(Kind kind) {
    constexpr std::array<std::string_view, kind_count> names{
        "null_type", "bool", "decimal", "string", "list", "map", "timestamp", "duration", "type"};
    return names[static_cast<std::size_t>(kind)];
}

std::string KindSet::text() const {
    if (*this == any()) return "any value";
    std::string out;
    for (int i = 0; i < kind_count; ++i) {
        const Kind kind{static_cast<std::uint8_t>(i)};
        if (!has(kind)) continue;
        if (!out.empty()) out += " or ";
        out += name_of(kind);
    }
    return out;
}

}  // namespace blotter::expression
