#include "expression/resolver.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "expression/diagnostic.hpp"
#include "expression/evaluator.hpp"

namespace blotter::expression {
namespace {

struct Macro {
    std::string_view name;
    Op op;
    std::size_t args_min;  ///< with the receiver
    std::size_t args_max;
};
constexpr std::array macros{Macro{"all", Op::all, 3, 3}, Macro{"exists", Op::exists, 3, 3},
                            Macro{"exists_one", Op::exists_one, 3, 3},
                            Macro{"filter", Op::filter, 3, 3}, Macro{"map", Op::transform, 3, 4}};

const Macro* macro_named(std::string_view name) {
    for (const Macro& known : macros)
        if (known.name == name) return &known;
    return nullptr;
}

/// Names that CEL has and this language has not, with what to write instead.
std::string_view instead_of(std::string_view name) {
    if (name == "double" || name == "uint") return "; write decimal() or int()";
    if (name == "bytes") return "; there are no byte strings here";
    if (name == "lower" || name == "upper") return "; write .lowerAscii() or .upperAscii()";
    if (name == "length" || name == "len") return "; write size()";
    return "";
}

bool is_literal(const Node* node) {
    return node->op == Op::literal;
}

}  // namespace

Result<> Resolver::resolve(Node& root) {
    if (visit(root)) needs(root, environment_.result, "the result must be");
    if (error_) return pass(std::move(*error_));
    return {};
}

bool Resolver::refuse(const Node& node, std::string_view message) {
    if (!error_) error_ = error_at(compiled_.source, node.at, message);
    return false;
}

bool Resolver::needs(const Node& node, KindSet wanted, std::string_view why) {
    if (node.kinds.overlaps(wanted)) return true;
    return refuse(node, fmt::format("{} {}, this is {}", why, wanted.text(), node.kinds.text()));
}

bool Resolver::visit_args(Node& node) {
    return std::all_of(node.args.begin(), node.args.end(), [&](Node* arg) { return visit(*arg); });
}

bool Resolver::visit(Node& node) {
    switch (node.op) {
        case Op::literal:
            node.kinds = node.literal.kind();
            return true;
        case Op::name:
            return name(node);
        case Op::call:
            return call(node);
        default:
            break;
    }
    return visit_args(node) && operation(node) && fold(node);
}

std::string Resolver::known_names() const {
    std::string out;
    for (const Variable& variable : environment_.variables) {
        if (out.size() > 200) return out + ", …";
        out += out.empty() ? "" : ", ";
        out += variable.name;
    }
    return out.empty() ? "none" : out;
}

bool Resolver::name(Node& node) {
    if (!node.rooted) {
        const auto local = std::find(locals_.rbegin(), locals_.rend(), node.name);
        if (local != locals_.rend()) {
            node.op = Op::local;
            node.slot = static_cast<std::uint32_t>(locals_.rend() - local - 1);
            return true;
        }
    }
    for (const Variable& variable : environment_.variables) {
        if (variable.name != node.name) continue;
        node.op = Op::variable;
        node.kinds = variable.kinds;
        return true;
    }
    for (int i = 0; i < kind_count; ++i) {
        const Kind kind{static_cast<std::uint8_t>(i)};
        if (name_of(kind) != node.name) continue;
        node.op = Op::literal;
        node.literal = kind;
        node.kinds = Kind::type;
        return true;
    }
    return refuse(node, fmt::format("there is no variable '{}'; known here: {}",
                                    node.name.substr(0, 60), known_names()));
}

bool Resolver::operation(Node& node) {
    switch (node.op) {
        case Op::select:
            node.kinds = KindSet::any();
            return needs(*node.args[0], Kind::map, "only a map has fields; needed is");
        case Op::index:
            node.kinds = KindSet::any();
            return needs(*node.args[0], {Kind::list, Kind::map}, "an index needs") &&
                   needs(*node.args[1], {Kind::decimal, Kind::string, Kind::boolean},
                         "an index is");
        case Op::not_:
            node.kinds = Kind::boolean;
            return needs(*node.args[0], Kind::boolean, "! needs");
        case Op::negate:
            node.kinds = Kind::decimal;
            return needs(*node.args[0], Kind::decimal, "- needs");
        case Op::and_:
        case Op::or_:
            node.kinds = Kind::boolean;
            return std::all_of(node.args.begin(), node.args.end(), [&](const Node* arg) {
                return needs(*arg, Kind::boolean, fmt::format("{} needs", symbol_of(node.op)));
            });
        case Op::conditional:
            node.kinds = node.args[1]->kinds | node.args[2]->kinds;
            return needs(*node.args[0], Kind::boolean, "the condition of ? must be");
        case Op::list:
            node.kinds = Kind::list;
            return true;
        case Op::map:
            node.kinds = Kind::map;
            return map_keys(node);
        default:
            break;
    }
    const KindSet left = node.args[0]->kinds;
    const KindSet right = node.args[1]->kinds;
    node.kinds = result_of(node.op, left, right);
    if (!node.kinds.empty()) return true;
    if (node.op == Op::equal || node.op == Op::not_equal)
        return refuse(node,
                      fmt::format("these are never equal: {} and {}", left.text(), right.text()));
    return refuse(node, fmt::format("{} {} {} is not defined", left.text(), symbol_of(node.op),
                                    right.text()));
}

bool Resolver::map_keys(const Node& node) {
    for (std::size_t i = 0; i < node.args.size(); i += 2)
        if (!needs(*node.args[i], {Kind::string, Kind::boolean, Kind::decimal}, "a map key is"))
            return false;
    return true;
}

bool Resolver::call(Node& node) {
    if (node.style == CallStyle::function && node.name == "has") return has(node);
    if (node.style == CallStyle::function && node.name == "coalesce") return coalesce(node);
    if (node.style == CallStyle::method)
        if (const Macro* macro = macro_named(node.name)) {
            if (node.args.size() >= macro->args_min && node.args.size() <= macro->args_max)
                return comprehension(node, macro->op);
            return refuse(
                node, fmt::format("{}() is written list.{}(x, condition{})", node.name, node.name,
                                  node.name == "map" ? ", result) or (x, result" : ""));
        }
    return visit_args(node) && function(node) && fold(node);
}

bool Resolver::has(Node& node) {
    if (node.args.size() != 1 || node.args[0]->op != Op::select)
        return refuse(node, "has() asks for a field, as in has(data.envelope)");
    Node* field = node.args[0];
    node.op = Op::has;
    node.name = field->name;
    node.args = field->args;
    node.kinds = Kind::boolean;
    return visit_args(node) && needs(*node.args[0], Kind::map, "only a map has fields; needed is");
}

bool Resolver::coalesce(Node& node) {
    if (node.args.empty()) return refuse(node, "coalesce() needs at least one argument");
    node.op = Op::coalesce;
    if (!visit_args(node)) return false;
    node.kinds = {};
    for (const Node* arg : node.args) node.kinds = node.kinds | arg->kinds;
    return true;
}

bool Resolver::comprehension(Node& node, Op op) {
    const Node& variable = *node.args[1];
    if (variable.op != Op::name || variable.rooted)
        return refuse(variable,
                      fmt::format("the first argument of {}() is a new name, as in {}(x, …)",
                                  node.name, node.name));
    if (locals_.size() >= locals_max)
        return refuse(
            node, fmt::format("all(), map() and the like are nested deeper than {}", locals_max));
    node.op = op;
    node.slot = static_cast<std::uint32_t>(locals_.size());
    const std::string_view local = variable.name;
    node.args.erase(node.args.begin() + 1);
    if (!visit(*node.args[0])) return false;
    locals_.push_back(local);
    const bool inside =
        std::all_of(node.args.begin() + 1, node.args.end(), [&](Node* arg) { return visit(*arg); });
    locals_.pop_back();
    const bool collects = op == Op::transform || op == Op::filter;
    const bool decides = op != Op::transform || node.args.size() == 3;
    node.kinds = collects ? Kind::list : Kind::boolean;
    return inside &&
           needs(*node.args[0], {Kind::list, Kind::map},
                 fmt::format("{}() goes over", node.name)) &&
           (!decides || needs(*node.args[1], Kind::boolean, "the condition must be"));
}

bool Resolver::function(Node& node) {
    node.builtin = find_builtin(node.name);
    if (node.builtin == nullptr)
        return refuse(node, fmt::format("there is no function '{}'{}", node.name.substr(0, 60),
                                        instead_of(node.name)));
    const Builtin& builtin = *node.builtin;
    if (!builtin.may_be(node.style))
        return refuse(node, node.style == CallStyle::method
                                ? fmt::format("write {}(x), not x.{}()", node.name, node.name)
                                : fmt::format("write x.{}(), not {}(x)", node.name, node.name));
    node.kinds = builtin.result;
    return accepts(node, builtin) && (node.name != "matches" || pattern(node));
}

bool Resolver::accepts(Node& node, const Builtin& builtin) {
    const std::size_t receiver = node.style == CallStyle::method ? 1 : 0;
    const std::size_t least = builtin.args_min - receiver;
    const std::size_t most = builtin.args_max - receiver;
    if (node.args.size() < builtin.args_min || node.args.size() > builtin.args_max)
        return refuse(node, fmt::format("{}() takes {} argument{}, {} given", node.name,
                                        least == most ? std::to_string(least)
                                                      : fmt::format("{} to {}", least, most),
                                        most == 1 ? "" : "s", node.args.size() - receiver));
    for (std::size_t i = 0; i < node.args.size(); ++i)
        if (!needs(*node.args[i], builtin.kinds_of(i),
                   builtin.described(i, node.style) + " must be"))
            return false;
    return true;
}

bool Resolver::pattern(Node& node) {
    if (!is_literal(node.args[1]))
        return refuse(
            *node.args[1],
            "the pattern of matches() must be a literal string, so that it is checked now");
    auto pattern = Pattern::compile(*node.args[1]->literal.as_string());
    if (!pattern) return refuse(*node.args[1], pattern.error().detail);
    node.slot = static_cast<std::uint32_t>(compiled_.patterns.size());
    compiled_.patterns.push_back(std::move(*pattern));
    return true;
}

bool Resolver::fold(Node& node) {
    if (node.name == "dyn" || !std::all_of(node.args.begin(), node.args.end(), is_literal))
        return true;
    compiled_.root = &node;
    Evaluator evaluator{{.compiled = compiled_, .arena = compiled_.constants}};
    const View value = evaluator.run(node);
    if (!value.failed()) {
        node.op = Op::literal;
        node.literal = value;
        node.kinds = value.kind();
        return true;
    }
    // timestamp("yesterday") is a slip worth refusing now. 1/0 stays: false && 1/0 > 1 is false.
    const bool slip = node.op == Op::call && value.failure().severity == Severity::ordinary;
    return !slip || refuse(node, value.failure().message);
}

}  // namespace blotter::expression
