#include "expression/builtins.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace blotter::expression {

KindSet Builtin::kinds_of(std::size_t arg) const {
    std::size_t index = std::min(arg, kinds.size() - 1);
    while (index > 0 && kinds[index].empty()) --index;
    return kinds[index];
}

std::string Builtin::described(std::size_t arg, CallStyle style) const {
    if (style == CallStyle::function) return fmt::format("argument {} of {}()", arg + 1, name);
    if (arg == 0) return fmt::format("what stands before .{}()", name);
    return fmt::format("argument {} of .{}()", arg, name);
}

bool Builtin::may_be(CallStyle style) const {
    return form == CallForm::both || (form == CallForm::method) == (style == CallStyle::method);
}

const Builtin* find_builtin(std::string_view name) {
    for (const auto table :
         {text_functions(), number_functions(), time_functions(), conversion_functions()})
        for (const Builtin& known : table)
            if (known.name == name) return &known;
    return nullptr;
}

}  // namespace blotter::expression
