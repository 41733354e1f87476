#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "expression/expression.hpp"
#include "expression/pattern.hpp"
#include "expression/view.hpp"

namespace blotter::expression {

enum class Op : std::uint8_t {
    literal,
    name,      ///< only until names are resolved
    variable,  ///< bound by the caller
    local,     ///< bound by a macro such as all()
    select,    ///< args[0].name
    has,       ///< has(args[0].name)
    index,     ///< args[0][args[1]]
    call,      ///< a function; args[0] is the receiver of a method
    not_,
    negate,
    add,
    subtract,
    multiply,
    divide,
    remainder,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    in,
    and_,  ///< any number of args
    or_,   ///< any number of args
    conditional,
    list,
    map,  ///< args are key, value, key, value …
    all,  ///< args[0] is the range, args[1] the predicate
    exists,
    exists_one,
    filter,
    transform,  ///< map(x, result) or map(x, predicate, result)
    coalesce,
};

/// "+", "&&", "in" … of an operator; empty for the rest.
std::string_view symbol_of(Op op);

enum class CallStyle : std::uint8_t { function, method };

struct Builtin;

/// A sub-expression. Made by the parser, completed by the resolver, constant from then on.
struct Node {
    Op op = Op::literal;
    CallStyle style = CallStyle::function;
    bool rooted = false;      ///< the name was written with a leading dot
    std::uint16_t depth = 1;  ///< of the tree below, this node included
    std::uint32_t begin = 0;  ///< bytes of the source, parentheses included
    std::uint32_t end = 0;
    std::uint32_t at = 0;    ///< of the operator or name, where the caret goes
    std::uint32_t slot = 0;  ///< of a local or a pattern
    KindSet kinds = KindSet::any();
    std::string_view name{};  ///< of a variable, field, local or function
    const Builtin* builtin = nullptr;
    View literal{};
    std::vector<Node*> args{};
};

/// Everything a program needs, at a fixed address: nodes and constants point into it.
struct Compiled {
    explicit Compiled(std::string_view text, const Limits& given) : source(text), limits(given) {}
    Compiled(const Compiled&) = delete;
    Compiled& operator=(const Compiled&) = delete;

    std::string_view text_of(const Node& node) const {
        return std::string_view{source}.substr(node.begin, node.end - node.begin);
    }

    const std::string source;
    const Limits limits;
    Arena constants{64 << 10};  // programs are kept, so what they hold is small
    std::deque<Node> nodes;     // a deque, because nodes hold pointers to nodes
    std::vector<std::unique_ptr<const Pattern>> patterns;
    const Node* root = nullptr;
};

/// Locals that may be visible at once: how deep all(), map() and the others may be nested.
inline constexpr std::size_t locals_max = 8;

}  // namespace blotter::expression
