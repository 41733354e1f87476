#pragma once

#include <array>
#include <string>
#include <vector>

#include "expression/ast.hpp"
#include "expression/expression.hpp"

namespace blotter::expression {

/// Collects what an evaluation did, for `explain`. Used by one evaluation.
class Tracer {
  public:
    explicit Tracer(const Compiled& compiled) : compiled_(compiled) {}

    /// Whether the value of this part tells something: literals do not, nor do the maps on the way
    /// to a field.
    static bool worth_telling(const Node& node) { return node.op != Op::literal; }

    /// Before the part is evaluated. Returns its place among the steps.
    std::size_t begin(const Node& node);
    void end(std::size_t step, const Node& node, const View& value);

    /// A macro binds the item of a range to its local.
    void bind_item(const Node& macro, std::size_t index);
    /// An index was evaluated; it is part of the origin of what it leads to.
    void note_index(const Node& node, const View& key);

    std::vector<ExplainStep> take_steps() { return std::move(steps_); }
    bool truncated() const { return truncated_; }

  private:
    std::string origin_of(const Node& node) const;

    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    const Compiled& compiled_;
    std::vector<ExplainStep> steps_;
    std::size_t depth_ = 0;
    bool truncated_ = false;
    std::array<std::string, locals_max> local_origins_;
    /// The last key of each index expression.
    std::vector<std::pair<const Node*, std::string>> keys_;
};

/// The value as JSON, cut after `bytes_max` with an ellipsis.
std::string rendered(const View& value, std::size_t bytes_max);

}  // namespace blotter::expression
