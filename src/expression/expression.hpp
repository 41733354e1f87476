#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "expression/kinds.hpp"
#include "expression/value.hpp"

/// The one expression language of filters, routing, mapping rules and recipes: the syntax and
/// meaning of CEL (github.com/google/cel-spec, doc/langdef.md) where they overlap, with exact
/// decimals in place of floats. docs/expressions.md is the reference, with the differences.
namespace blotter::expression {

/// What one program may cost. Compilation and evaluation end within these whatever the input is.
struct Limits {
    std::size_t source_bytes_max = 8'192;
    std::size_t nodes_max = 2'000;
    std::size_t depth_max = 100;  ///< of nesting, and of one chain of + or *
    /// Each operation is a step; work on long strings, lists and maps is more, by size.
    std::size_t steps_max = 100'000;
    std::size_t list_items_max = 10'000;     ///< in a list that the expression makes
    std::size_t string_bytes_max = 65'536;   ///< of a string that the expression makes
    std::size_t memory_bytes_max = 4 << 20;  ///< made by one evaluation
    std::size_t explain_steps_max = 200;
    std::size_t explain_value_bytes_max = 200;
};

/// A name that the caller will bind, and what it may be bound to.
struct Variable {
    std::string name;
    KindSet kinds = KindSet::any();
};

/// What an expression may refer to and must yield.
struct Environment {
    std::vector<Variable> variables;
    KindSet result = KindSet::any();
    Limits limits{};
};

struct Compiled;

/// A compiled expression. Immutable and cheap to copy; any number of threads may evaluate it at
/// the same time.
class Program {
  public:
    explicit Program(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
    std::string_view source() const;
    /// The kinds that the result may have, as far as that is known without data.
    KindSet result_kinds() const;
    const Compiled& compiled() const { return *compiled_; }

  private:
    std::shared_ptr<const Compiled> compiled_;
};

/// The values of the variables during an evaluation. It refers to JSON and text without copying
/// them, so whatever was bound must outlive it. One may serve many programs.
class Bindings {
  public:
    using Bound =
        std::variant<const json::Value*, bool, Decimal, std::string_view, Timestamp, Duration>;

    Bindings& bind(std::string_view name, const json::Value& value) { return add(name, &value); }
    Bindings& bind(std::string_view name, json::Value&& value) = delete;
    Bindings& bind_text(std::string_view name, std::string_view value) { return add(name, value); }
    Bindings& bind_bool(std::string_view name, bool value) { return add(name, value); }
    Bindings& bind_decimal(std::string_view name, Decimal value) { return add(name, value); }
    Bindings& bind_time(std::string_view name, Timestamp value) { return add(name, value); }
    Bindings& bind_duration(std::string_view name, Duration value) { return add(name, value); }

    /// Null when nothing is bound to the name.
    const Bound* find(std::string_view name) const;

  private:
    Bindings& add(std::string_view name, Bound value);
    // A handful of names: a linear search beats any index.
    std::vector<std::pair<std::string_view, Bound>> bound_;
};

/// Reads and checks an expression. A failure (`invalid_argument`) says line, column, what was
/// expected and shows the line with a caret.
Result<Program> compile(std::string_view source, const Environment& environment);

/// The value, or the evaluation error with the sub-expression that raised it. Messages name fields
/// and kinds, never values.
Result<Value> evaluate(const Program& program, const Bindings& bindings);

/// The outcome of a filter. An evaluation error, or a result that is no bool, is no match.
struct Match {
    bool matched = false;
    /// Why there was no answer; empty when the filter said true or false.
    std::string problem{};
};
Match matches(const Program& program, const Bindings& bindings);

/// One evaluated sub-expression. Steps are in the order in which evaluation began, so a step's
/// parts follow it with a greater depth. Parts that were not needed do not appear.
struct ExplainStep {
    std::size_t depth = 0;
    std::size_t offset = 0;  ///< in bytes, of the sub-expression in the source
    std::string text;        ///< of the sub-expression
    std::string origin;      ///< "data/lines/2/amount": the bound value it was read from, if any
    std::string value;       ///< as JSON, shortened; the message when `failed`
    bool failed = false;
};

/// What an evaluation did. `steps` is cut at `explain_steps_max`; `truncated` says so.
struct Explanation {
    Result<Value> result;
    std::vector<ExplainStep> steps{};
    bool truncated = false;
};
/// For people who test a filter or a rule. It shows values; the caller answers for who sees them.
Explanation explain(const Program& program, const Bindings& bindings);

}  // namespace blotter::expression
