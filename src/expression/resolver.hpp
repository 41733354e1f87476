#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "expression/ast.hpp"
#include "expression/builtins.hpp"

namespace blotter::expression {

/// Completes a parsed tree: names become variables, locals or types, calls become functions or
/// macros, kinds are checked as far as they are known, constant parts are evaluated once.
class Resolver {
  public:
    Resolver(Compiled& compiled, const Environment& environment)
        : compiled_(compiled), environment_(environment) {}
    Result<> resolve(Node& root);

  private:
    // Each returns false after the first failure, which `error_` keeps.
    bool visit(Node& node);
    bool visit_args(Node& node);
    bool name(Node& node);
    bool operation(Node& node);
    bool call(Node& node);
    bool function(Node& node);
    bool accepts(Node& node, const Builtin& builtin);
    bool pattern(Node& node);
    bool has(Node& node);
    bool coalesce(Node& node);
    bool comprehension(Node& node, Op op);
    bool needs(const Node& node, KindSet wanted, std::string_view why);
    bool map_keys(const Node& node);
    /// Replaces a part that is the same in every evaluation by its value.
    bool fold(Node& node);
    bool refuse(const Node& node, std::string_view message);
    std::string known_names() const;

    Compiled& compiled_;
    const Environment& environment_;
    std::vector<std::string_view> locals_;
    std::optional<Error> error_;
};

}  // namespace blotter::expression
