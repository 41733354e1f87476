#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "expression/ast.hpp"
#include "expression/kinds.hpp"
#include "expression/view.hpp"

namespace blotter::expression {

class Evaluator;

/// Arguments of one call, the receiver of a method included.
inline constexpr std::size_t call_args_max = 8;

/// How a function may be written: f(x), x.f(), or both.
enum class CallForm : std::uint8_t { function, method, both };

/// A function of the language. `run` is called with as many arguments as were written, none of
/// them failed, each of a kind in `kinds_of`.
struct Builtin {
    using Run = View (*)(Evaluator&, const Node&, std::span<const View>);

    std::string_view name;
    CallForm form;
    std::size_t args_min;  ///< with the receiver
    std::size_t args_max;
    std::array<KindSet, 4> kinds;  ///< the last filled one holds for all that follow
    KindSet result;
    Run run;

    KindSet kinds_of(std::size_t arg) const;
    /// "argument 2 of round()", "what stands before .trim()".
    std::string described(std::size_t arg, CallStyle style) const;
    bool may_be(CallStyle style) const;
};

/// Null when there is none of that name.
const Builtin* find_builtin(std::string_view name);

// The tables in which `find_builtin` looks.
std::span<const Builtin> text_functions();
std::span<const Builtin> number_functions();
std::span<const Builtin> time_functions();
std::span<const Builtin> conversion_functions();

}  // namespace blotter::expression
