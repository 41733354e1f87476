#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "expression/ast.hpp"
#include "expression/expression.hpp"
#include "expression/value.hpp"
#include "expression/view.hpp"

namespace blotter::expression {

class Tracer;

/// A quotient has at most this many decimals, rounded half-even.
inline constexpr int division_decimals = 12;

/// One evaluation of a program: counts its steps and makes its values in the arena. Used once, by
/// one thread. Errors are values (`View::failed`), because && and || absorb them.
class Evaluator {
  public:
    /// What an evaluation works with. `bindings` and `tracer` may be null.
    struct World {
        const Compiled& compiled;
        Arena& arena;
        const Bindings* bindings = nullptr;
        Tracer* tracer = nullptr;
    };
    explicit Evaluator(const World& world) : world_(world) {}
    Evaluator(const Evaluator&) = delete;
    Evaluator& operator=(const Evaluator&) = delete;

    View run(const Node& node);
    /// Copies a value out, within the same limits.
    Result<Value> own(const View& value);
    /// The message of a failure, with its place and sub-expression.
    Error error_of(const Failure& failure) const;

    // For functions and operators:
    const Compiled& compiled() const { return world_.compiled; }
    /// Counts steps; false when they are used up, and then `out_of_steps` is the answer.
    bool charge(std::size_t steps);
    bool charge_bytes(std::size_t bytes) { return charge(1 + bytes / 64); }
    View out_of_steps(const Node& node);
    View fail(const Node& node, std::string_view message, Severity severity = Severity::ordinary);
    /// The failure of a limited resource: "the string is longer than …".
    View over_limit(const Node& node, std::string_view what, std::size_t max);
    /// A copy of the text in the arena, within the limit for strings.
    View text(const Node& node, std::string_view value);
    /// Room for a list, empty with data() == nullptr when it would be too long.
    std::span<View> list_room(std::size_t count);
    View no_room(const Node& node);
    /// bool, or a failure.
    View same(const Node& node, const View& left, const View& right);

  private:
    View compute(const Node& node);
    View container(const Node& node);
    View variable(const Node& node);
    View operand_of(const Node& node);
    View select(const Node& node);
    View has(const Node& node);
    View index(const Node& node);
    View call(const Node& node);
    View unary(const Node& node);
    View binary(const Node& node);
    View arithmetic(const Node& node, const View& left, const View& right);
    View add(const Node& node, const View& left, const View& right);
    View subtract(const Node& node, const View& left, const View& right);
    View calendar(const Node& node, Timestamp at);
    View span_of(const Node& node, Duration length);
    View concatenate(const Node& node, const ListView& left, const ListView& right);
    View join(const Node& node, std::string_view left, std::string_view right);
    View ordering(const Node& node, const View& left, const View& right);
    View contained(const Node& node, const View& left, const View& right);
    View logical(const Node& node);
    View conditional(const Node& node);
    View coalesce(const Node& node);
    View list(const Node& node);
    View map(const Node& node);
    View comprehension(const Node& node);
    View quantified(const Node& node, const View& range);
    View exactly_one(const Node& node, const View& range);
    View collected(const Node& node, const View& range);
    void bind_item(const Node& node, const View& range, std::size_t index);
    /// The decision of a predicate: a bool, or a failure.
    View predicate(const Node& node, const Node& owner);
    View no_overload(const Node& node, const View& left, const View& right);

    /// False with a failed `problem` when there is no answer.
    bool same_deep(const View& left, const View& right, View& problem);
    bool same_lists(const ListView& left, const ListView& right, View& problem);
    bool same_maps(const MapView& left, const MapView& right, View& problem);
    /// The value under a key, if there is one; null when steps ran out or there is none.
    std::optional<View> look_up(const MapView& map, const View& key);
    /// False when the value cannot be copied; `problem` is then the failure.
    bool own_into(Value::Data& out, const View& value, View& problem);

    const World world_;
    std::size_t steps_ = 0;
    std::array<View, locals_max> locals_;
};

/// Evaluates an operator's or function's kinds without values: the kinds of the result, none when
/// the operator is not defined for them.
KindSet result_of(Op op, KindSet left, KindSet right);

}  // namespace blotter::expression
