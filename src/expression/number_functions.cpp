#include <fmt/format.h>

#include "expression/builtins.hpp"
#include "expression/evaluator.hpp"

namespace blotter::expression {
namespace {

using Args = std::span<const View>;

View from(Evaluator& evaluator, const Node& node, const Result<Decimal>& result) {
    return result ? View{*result} : evaluator.fail(node, result.error().detail);
}

View round(Evaluator& evaluator, const Node& node, Args args) {
    const auto decimals = args.size() > 1 ? args[1].as_decimal()->to_int64() : 0;
    if (!decimals || *decimals < 0 || *decimals > Decimal::scale_max)
        return evaluator.fail(node, fmt::format("round() needs a whole number of decimals from 0 "
                                                "to {}",
                                                Decimal::scale_max));
    const auto mode = args.size() > 2 ? rounding_named(*args[2].as_string()) : Rounding::half_up;
    if (!mode)
        return evaluator.fail(node,
                              "a rounding mode is half_up, half_even, up, down, floor or "
                              "ceiling");
    return from(evaluator, node, args[0].as_decimal()->round(static_cast<int>(*decimals), *mode));
}

View absolute(Evaluator&, const Node&, Args args) {
    return args[0].as_decimal()->abs();
}

/// The arguments, or the items of a list that is the only one.
class Numbers {
  public:
    explicit Numbers(Args args)
        : args_(args), list_(args.size() == 1 ? args[0].as_list() : nullptr) {}
    std::size_t size() const { return list_ == nullptr ? args_.size() : list_->size(); }
    View at(std::size_t i) const { return list_ == nullptr ? args_[i] : list_->at(i); }

  private:
    Args args_;
    const ListView* list_;
};

template <typename Step>
View folded(Evaluator& evaluator, const Node& node, const Numbers& numbers, Step step) {
    std::optional<Decimal> out;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const View item = numbers.at(i);
        if (item.failed()) return item;
        if (!evaluator.charge(1)) return evaluator.out_of_steps(node);
        if (item.as_decimal() == nullptr)
            return evaluator.fail(node, fmt::format("{}() needs decimals, item {} is a {}",
                                                    node.name, i, name_of(item.kind())));
        if (!out) {
            out = *item.as_decimal();
            continue;
        }
        const Result<Decimal> next = step(*out, *item.as_decimal());
        if (!next) return evaluator.fail(node, next.error().detail);
        out = *next;
    }
    if (out) return *out;
    if (node.name == "sum") return Decimal{};
    return evaluator.fail(node, fmt::format("{}() of an empty list", node.name));
}

View smallest(Evaluator& evaluator, const Node& node, Args args) {
    return folded(evaluator, node, Numbers{args}, [](const Decimal& a, const Decimal& b) {
        return Result<Decimal>{b < a ? b : a};
    });
}

View largest(Evaluator& evaluator, const Node& node, Args args) {
    return folded(evaluator, node, Numbers{args}, [](const Decimal& a, const Decimal& b) {
        return Result<Decimal>{b > a ? b : a};
    });
}

View sum(Evaluator& evaluator, const Node& node, Args args) {
    return folded(evaluator, node, Numbers{args},
                  [](const Decimal& a, const Decimal& b) { return a.plus(b); });
}

constexpr KindSet number{Kind::decimal};
constexpr KindSet numbers{Kind::decimal, Kind::list};

constexpr Builtin table[] = {
    {"round", CallForm::function, 1, 3, {number, number, Kind::string}, number, round},
    {"abs", CallForm::function, 1, 1, {number}, number, absolute},
    {"min", CallForm::function, 1, call_args_max, {numbers, number}, number, smallest},
    {"max", CallForm::function, 1, call_args_max, {numbers, number}, number, largest},
    {"sum", CallForm::function, 1, 1, {Kind::list}, number, sum},
};

}  // namespace

std::span<const Builtin> number_functions() {
    return table;
}

}  // namespace blotter::expression
