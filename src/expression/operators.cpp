#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "expression/evaluator.hpp"
#include "expression/timing.hpp"

namespace blotter::expression {
namespace {

struct Overload {
    Op op;
    Kind left;
    Kind right;
    Kind result;
};

constexpr std::array overloads{
    Overload{Op::add, Kind::decimal, Kind::decimal, Kind::decimal},
    Overload{Op::add, Kind::string, Kind::string, Kind::string},
    Overload{Op::add, Kind::list, Kind::list, Kind::list},
    Overload{Op::add, Kind::timestamp, Kind::duration, Kind::timestamp},
    Overload{Op::add, Kind::duration, Kind::timestamp, Kind::timestamp},
    Overload{Op::add, Kind::duration, Kind::duration, Kind::duration},
    Overload{Op::subtract, Kind::decimal, Kind::decimal, Kind::decimal},
    Overload{Op::subtract, Kind::timestamp, Kind::timestamp, Kind::duration},
    Overload{Op::subtract, Kind::timestamp, Kind::duration, Kind::timestamp},
    Overload{Op::subtract, Kind::duration, Kind::duration, Kind::duration},
    Overload{Op::multiply, Kind::decimal, Kind::decimal, Kind::decimal},
    Overload{Op::divide, Kind::decimal, Kind::decimal, Kind::decimal},
    Overload{Op::remainder, Kind::decimal, Kind::decimal, Kind::decimal},
};

constexpr KindSet ordered{Kind::boolean, Kind::decimal, Kind::string, Kind::timestamp,
                          Kind::duration};

std::strong_ordering order_of(const View& left, const View& right) {
    switch (left.kind()) {
        case Kind::boolean:
            return *left.as_bool() <=> *right.as_bool();
        case Kind::decimal:
            return *left.as_decimal() <=> *right.as_decimal();
        // UTF-8 sorts like the code points that it encodes.
        case Kind::string:
            return *left.as_string() <=> *right.as_string();
        case Kind::timestamp:
            return *left.as_time() <=> *right.as_time();
        default:
            return *left.as_duration() <=> *right.as_duration();
    }
}

}  // namespace

KindSet result_of(Op op, KindSet left, KindSet right) {
    switch (op) {
        case Op::equal:
        case Op::not_equal:
            return left.overlaps(right) ? Kind::boolean : KindSet{};
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
            return (left & ordered).overlaps(right) ? Kind::boolean : KindSet{};
        case Op::in:
            return right.overlaps({Kind::list, Kind::map}) ? Kind::boolean : KindSet{};
        default:
            break;
    }
    KindSet out;
    for (const Overload& known : overloads)
        if (known.op == op && left.has(known.left) && right.has(known.right))
            out = out | known.result;
    return out;
}

View Evaluator::no_overload(const Node& node, const View& left, const View& right) {
    return fail(node, fmt::format("{} {} {} is not defined", name_of(left.kind()),
                                  symbol_of(node.op), name_of(right.kind())));
}

View Evaluator::unary(const Node& node) {
    const View value = run(*node.args[0]);
    if (value.failed()) return value;
    if (node.op == Op::not_) {
        if (const bool* b = value.as_bool()) return !*b;
    } else if (const Decimal* number = value.as_decimal()) {
        return number->negated();
    }
    return fail(node,
                fmt::format("{}{} is not defined", symbol_of(node.op), name_of(value.kind())));
}

View Evaluator::binary(const Node& node) {
    const View left = run(*node.args[0]);
    if (left.failed()) return left;
    const View right = run(*node.args[1]);
    if (right.failed()) return right;
    switch (node.op) {
        case Op::equal:
            return same(node, left, right);
        case Op::not_equal: {
            const View equal = same(node, left, right);
            return equal.failed() ? equal : View{!*equal.as_bool()};
        }
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
            return ordering(node, left, right);
        case Op::in:
            return contained(node, left, right);
        case Op::add:
            return add(node, left, right);
        case Op::subtract:
            return subtract(node, left, right);
        default:
            return arithmetic(node, left, right);
    }
}

View Evaluator::ordering(const Node& node, const View& left, const View& right) {
    if (left.kind() != right.kind() || !ordered.has(left.kind()))
        return no_overload(node, left, right);
    if (left.kind() == Kind::string &&
        !charge_bytes(std::min(left.as_string()->size(), right.as_string()->size())))
        return out_of_steps(node);
    const std::strong_ordering order = order_of(left, right);
    switch (node.op) {
        case Op::less:
            return order < 0;
        case Op::less_equal:
            return order <= 0;
        case Op::greater:
            return order > 0;
        default:
            return order >= 0;
    }
}

View Evaluator::contained(const Node& node, const View& left, const View& right) {
    if (const MapView* map = right.as_map()) {
        const bool found = look_up(*map, left).has_value();
        return charge(0) ? View{found} : out_of_steps(node);
    }
    const ListView* list = right.as_list();
    if (list == nullptr) return no_overload(node, left, right);
    for (std::size_t i = 0; i < list->size(); ++i) {
        const View equal = same(node, left, list->at(i));
        if (equal.failed() || *equal.as_bool()) return equal;
    }
    return false;
}

View Evaluator::same(const Node& node, const View& left, const View& right) {
    View problem;
    const bool equal = same_deep(left, right, problem);
    if (!problem.failed()) return equal;
    return fail(node, problem.failure().message, problem.failure().severity);
}

bool Evaluator::same_deep(const View& left, const View& right, View& problem) {
    if (left.failed() || right.failed()) {
        problem = left.failed() ? left : right;
        return false;
    }
    if (!charge(1)) {
        problem = out_of_steps(*compiled().root);
        return false;
    }
    if (left.kind() != right.kind()) return false;
    switch (left.kind()) {
        case Kind::null:
            return true;
        case Kind::list:
            return same_lists(*left.as_list(), *right.as_list(), problem);
        case Kind::map:
            return same_maps(*left.as_map(), *right.as_map(), problem);
        case Kind::type:
            return *left.as_type() == *right.as_type();
        case Kind::string:
            if (left.as_string()->size() != right.as_string()->size()) return false;
            steps_ += left.as_string()->size() / 64;
            return *left.as_string() == *right.as_string();
        default:
            return order_of(left, right) == 0;
    }
}

bool Evaluator::same_lists(const ListView& left, const ListView& right, View& problem) {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i)
        if (!same_deep(left.at(i), right.at(i), problem)) return false;
    return true;
}

bool Evaluator::same_maps(const MapView& left, const MapView& right, View& problem) {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        const auto other = look_up(right, left.key_at(i));
        if (!charge(0)) problem = out_of_steps(*compiled().root);
        if (!other || !same_deep(left.value_at(i), *other, problem)) return false;
    }
    return true;
}

View Evaluator::arithmetic(const Node& node, const View& left, const View& right) {
    const Decimal* a = left.as_decimal();
    const Decimal* b = right.as_decimal();
    if (a == nullptr || b == nullptr) return no_overload(node, left, right);
    Result<Decimal> out;
    switch (node.op) {
        case Op::add:
            out = a->plus(*b);
            break;
        case Op::subtract:
            out = a->minus(*b);
            break;
        case Op::multiply:
            out = a->times(*b);
            break;
        case Op::remainder:
            out = a->remainder(*b);
            break;
        // Twelve decimals are ample for money and leave room to multiply the quotient afterwards.
        default:
            out = a->divided_by(*b, division_decimals, Rounding::half_even);
    }
    if (!out) return fail(node, out.error().detail);
    return node.op == Op::divide ? out->trimmed() : *out;
}

View Evaluator::add(const Node& node, const View& left, const View& right) {
    if (left.as_string() != nullptr && right.as_string() != nullptr)
        return join(node, *left.as_string(), *right.as_string());
    if (left.as_list() != nullptr && right.as_list() != nullptr)
        return concatenate(node, *left.as_list(), *right.as_list());
    const View& other = left.as_duration() != nullptr ? right : left;
    const Duration* length =
        left.as_duration() != nullptr ? left.as_duration() : right.as_duration();
    if (length != nullptr && other.as_time() != nullptr)
        return calendar(node, *other.as_time() + *length);
    if (left.as_duration() != nullptr && right.as_duration() != nullptr)
        return span_of(node, *left.as_duration() + *right.as_duration());
    return arithmetic(node, left, right);
}

View Evaluator::subtract(const Node& node, const View& left, const View& right) {
    if (left.as_time() != nullptr && right.as_time() != nullptr)
        return Duration{*left.as_time() - *right.as_time()};
    if (left.as_time() != nullptr && right.as_duration() != nullptr)
        return calendar(node, *left.as_time() - *right.as_duration());
    if (left.as_duration() != nullptr && right.as_duration() != nullptr)
        return span_of(node, *left.as_duration() - *right.as_duration());
    return arithmetic(node, left, right);
}

View Evaluator::calendar(const Node& node, Timestamp at) {
    if (!in_calendar(at)) return fail(node, "the time is outside the years 1970 to 9999");
    return at;
}

View Evaluator::span_of(const Node& node, Duration length) {
    if (!in_range(length)) return fail(node, "the duration is longer than 10000 years");
    return length;
}

View Evaluator::concatenate(const Node& node, const ListView& left, const ListView& right) {
    const std::size_t size = left.size() + right.size();
    if (!charge(size)) return out_of_steps(node);
    const std::span<View> items = list_room(size);
    if (items.size() < size) return no_room(node);
    for (std::size_t i = 0; i < size; ++i)
        items[i] = i < left.size() ? left.at(i) : right.at(i - left.size());
    return ListView{.items = items};
}

}  // namespace blotter::expression
