#include "expression/evaluator.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/invariant.hpp"
#include "base/utf8.hpp"
#include "expression/builtins.hpp"
#include "expression/diagnostic.hpp"
#include "expression/tracer.hpp"

namespace blotter::expression {

bool Evaluator::charge(std::size_t steps) {
    steps_ += steps;
    return steps_ <= compiled().limits.steps_max;
}

View Evaluator::out_of_steps(const Node& node) {
    return fail(node,
                fmt::format("the evaluation takes more than {} steps", compiled().limits.steps_max),
                Severity::limit);
}

View Evaluator::fail(const Node& node, std::string_view message, Severity severity) {
    return world_.arena.failure(&node, message, severity);
}

View Evaluator::over_limit(const Node& node, std::string_view what, std::size_t max) {
    return fail(node, fmt::format("the {} is longer than {}", what, max), Severity::limit);
}

View Evaluator::no_room(const Node& node) {
    return fail(node,
                fmt::format("the list is longer than {} items, or the evaluation uses too much "
                            "memory",
                            compiled().limits.list_items_max),
                Severity::limit);
}

std::span<View> Evaluator::list_room(std::size_t count) {
    if (count > compiled().limits.list_items_max) return {};
    return world_.arena.views(count);
}

View Evaluator::text(const Node& node, std::string_view value) {
    return join(node, value, {});
}

View Evaluator::join(const Node& node, std::string_view left, std::string_view right) {
    const std::size_t bytes = left.size() + right.size();
    if (bytes > compiled().limits.string_bytes_max)
        return over_limit(node, "string", compiled().limits.string_bytes_max);
    if (!charge_bytes(bytes)) return out_of_steps(node);
    const std::span<char> room = world_.arena.chars(bytes);
    if (room.size() < bytes) return no_room(node);
    const auto middle = std::copy(left.begin(), left.end(), room.begin());
    std::copy(right.begin(), right.end(), middle);
    return std::string_view{room.data(), bytes};
}

View Evaluator::run(const Node& node) {
    if (!charge(1)) return out_of_steps(node);
    if (world_.tracer == nullptr || !Tracer::worth_telling(node)) return compute(node);
    const std::size_t step = world_.tracer->begin(node);
    const View value = compute(node);
    world_.tracer->end(step, node, value);
    return value;
}

View Evaluator::compute(const Node& node) {
    switch (node.op) {
        case Op::literal:
            return node.literal;
        case Op::variable:
            return variable(node);
        case Op::local:
            return locals_[node.slot];
        case Op::select:
            return select(node);
        case Op::has:
            return has(node);
        case Op::index:
            return index(node);
        case Op::call:
            return call(node);
        case Op::not_:
        case Op::negate:
            return unary(node);
        case Op::and_:
        case Op::or_:
            return logical(node);
        case Op::conditional:
            return conditional(node);
        case Op::list:
        case Op::map:
        case Op::coalesce:
        case Op::all:
        case Op::exists:
        case Op::exists_one:
        case Op::filter:
        case Op::transform:
            return container(node);
        case Op::name:
            break;
        default:
            return binary(node);
    }
    INVARIANT(false);
}

View Evaluator::container(const Node& node) {
    switch (node.op) {
        case Op::list:
            return list(node);
        case Op::map:
            return map(node);
        case Op::coalesce:
            return coalesce(node);
        default:
            return comprehension(node);
    }
}

View Evaluator::variable(const Node& node) {
    const Bindings::Bound* bound =
        world_.bindings == nullptr ? nullptr : world_.bindings->find(node.name);
    if (bound == nullptr)
        return fail(node, fmt::format("nothing is bound to '{}'", node.name), Severity::missing);
    const auto view = [](const auto& value) -> View {
        if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(value)>>)
            return View::of(*value);
        else
            return value;
    };
    return std::visit(view, *bound);
}

/// The way to a field is not told step by step: the whole path is one step.
View Evaluator::operand_of(const Node& node) {
    const Node& operand = *node.args[0];
    const bool on_the_way = operand.op == Op::select || operand.op == Op::index ||
                            operand.op == Op::variable || operand.op == Op::local;
    if (!on_the_way) return run(operand);
    return charge(1) ? compute(operand) : out_of_steps(operand);
}

View Evaluator::select(const Node& node) {
    const View of = operand_of(node);
    if (of.failed()) return of;
    const MapView* map = of.as_map();
    if (map == nullptr)
        return fail(node, fmt::format("field '{}' is asked of a {}, not of a map", node.name,
                                      name_of(of.kind())));
    const auto found = look_up(*map, node.name);
    if (found) return found->failed() ? fail(node, found->failure().message) : *found;
    if (!charge(0)) return out_of_steps(node);
    return fail(node, fmt::format("there is no field '{}'", node.name), Severity::missing);
}

View Evaluator::has(const Node& node) {
    const View of = operand_of(node);
    if (of.failed()) return of;
    const MapView* map = of.as_map();
    if (map == nullptr)
        return fail(node, fmt::format("has() asks for field '{}' of a {}, not of a map", node.name,
                                      name_of(of.kind())));
    const bool found = look_up(*map, node.name).has_value();
    return charge(0) ? View{found} : out_of_steps(node);
}

std::optional<View> Evaluator::look_up(const MapView& map, const View& key) {
    if (map.json != nullptr) {
        const std::string_view* name = key.as_string();
        if (!charge(map.json->size() / 16) || name == nullptr) return std::nullopt;
        const json::Value* found = map.json->find(*name);
        return found == nullptr ? std::nullopt : std::optional{View::of(*found)};
    }
    for (const Entry& entry : map.entries) {
        View problem;
        if (same_deep(entry.key, key, problem)) return entry.value;
    }
    return std::nullopt;
}

View Evaluator::index(const Node& node) {
    const View of = operand_of(node);
    if (of.failed()) return of;
    const View key = run(*node.args[1]);
    if (key.failed()) return key;
    if (world_.tracer != nullptr) world_.tracer->note_index(node, key);
    if (const ListView* list = of.as_list(); list != nullptr && key.as_decimal() != nullptr) {
        const auto at = key.as_decimal()->to_int64();
        if (!at) return fail(node, "the index of a list is a whole number");
        if (*at >= 0 && static_cast<std::size_t>(*at) < list->size())
            return list->at(static_cast<std::size_t>(*at));
        return fail(node,
                    fmt::format("index {} is outside the list of {} items", *at, list->size()),
                    Severity::missing);
    }
    const bool can_be_key =
        key.as_bool() != nullptr || key.as_decimal() != nullptr || key.as_string() != nullptr;
    if (of.as_map() == nullptr || !can_be_key)
        return fail(node, fmt::format("a {} has no index of kind {}", name_of(of.kind()),
                                      name_of(key.kind())));
    if (const auto found = look_up(*of.as_map(), key)) return *found;
    return charge(0) ? fail(node, "there is no such key in the map", Severity::missing)
                     : out_of_steps(node);
}

View Evaluator::call(const Node& node) {
    std::array<View, call_args_max> args;
    const Builtin& function = *node.builtin;
    for (std::size_t i = 0; i < node.args.size(); ++i) {
        args[i] = run(*node.args[i]);
        if (args[i].failed()) return args[i];
        if (!function.kinds_of(i).has(args[i].kind()))
            return fail(node, fmt::format("{}: {} is expected, a {} is given",
                                          function.described(i, node.style),
                                          function.kinds_of(i).text(), name_of(args[i].kind())));
    }
    return function.run(*this, node, std::span{args}.first(node.args.size()));
}

View Evaluator::logical(const Node& node) {
    const bool decisive = node.op == Op::or_;
    View problem{!decisive};
    for (const Node* arg : node.args) {
        const View value = predicate(*arg, node);
        if (!value.failed()) {
            if (*value.as_bool() == decisive) return decisive;
            continue;
        }
        if (value.failure().severity == Severity::limit) return value;
        if (!problem.failed()) problem = value;
    }
    return problem;
}

View Evaluator::predicate(const Node& node, const Node& owner) {
    const View value = run(node);
    if (value.failed() || value.as_bool() != nullptr) return value;
    const std::string_view symbol = symbol_of(owner.op);
    return fail(node, fmt::format("{} needs a bool, this is a {}",
                                  symbol.empty() ? owner.name : symbol, name_of(value.kind())));
}

View Evaluator::conditional(const Node& node) {
    const View condition = run(*node.args[0]);
    if (condition.failed()) return condition;
    if (condition.as_bool() == nullptr)
        return fail(
            node, fmt::format("the condition of ? is a {}, not a bool", name_of(condition.kind())));
    return run(*node.args[*condition.as_bool() ? 1 : 2]);
}

View Evaluator::coalesce(const Node& node) {
    View last;
    for (const Node* arg : node.args) {
        last = run(*arg);
        const bool absent = last.failed() ? last.failure().severity == Severity::missing
                                          : last.kind() == Kind::null;
        if (!absent) return last;
    }
    return last;
}

View Evaluator::list(const Node& node) {
    const std::span<View> items = list_room(node.args.size());
    if (items.size() < node.args.size()) return no_room(node);
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i] = run(*node.args[i]);
        if (items[i].failed()) return items[i];
    }
    return ListView{.items = items};
}

View Evaluator::map(const Node& node) {
    const std::span<Entry> entries = world_.arena.entries(node.args.size() / 2);
    if (entries.size() < node.args.size() / 2) return no_room(node);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const Node& key_node = *node.args[2 * i];
        const View key = run(key_node);
        if (key.failed()) return key;
        const Decimal* number = key.as_decimal();
        const bool allowed = key.as_bool() != nullptr || key.as_string() != nullptr ||
                             (number != nullptr && number->is_whole());
        if (!allowed) return fail(key_node, "a map key is a string, a bool or a whole number");
        if (look_up(MapView{.entries = entries.first(i)}, key))
            return fail(key_node, "the key occurs twice in the map");
        const View value = run(*node.args[2 * i + 1]);
        if (value.failed()) return value;
        entries[i] = Entry{key, value};
    }
    return charge(0) ? View{MapView{.entries = entries}} : out_of_steps(node);
}

View Evaluator::comprehension(const Node& node) {
    const View range = run(*node.args[0]);
    if (range.failed()) return range;
    if (range.as_list() == nullptr && range.as_map() == nullptr)
        return fail(node, fmt::format("{}() goes over a list or a map, this is a {}", node.name,
                                      name_of(range.kind())));
    if (node.op == Op::exists_one) return exactly_one(node, range);
    if (node.op == Op::all || node.op == Op::exists) return quantified(node, range);
    return collected(node, range);
}

namespace {

std::size_t size_of(const View& range) {
    return range.as_list() != nullptr ? range.as_list()->size() : range.as_map()->size();
}

}  // namespace

void Evaluator::bind_item(const Node& node, const View& range, std::size_t index) {
    locals_[node.slot] =
        range.as_list() != nullptr ? range.as_list()->at(index) : range.as_map()->key_at(index);
    if (world_.tracer != nullptr && range.as_list() != nullptr)
        world_.tracer->bind_item(node, index);
}

View Evaluator::quantified(const Node& node, const View& range) {
    const bool decisive = node.op == Op::exists;
    View problem{!decisive};
    for (std::size_t i = 0; i < size_of(range); ++i) {
        bind_item(node, range, i);
        const View value = predicate(*node.args[1], node);
        if (!value.failed()) {
            if (*value.as_bool() == decisive) return decisive;
            continue;
        }
        if (value.failure().severity == Severity::limit) return value;
        if (!problem.failed()) problem = value;
    }
    return problem;
}

View Evaluator::exactly_one(const Node& node, const View& range) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size_of(range); ++i) {
        bind_item(node, range, i);
        const View value = predicate(*node.args[1], node);
        if (value.failed()) return value;
        if (*value.as_bool()) ++count;
    }
    return count == 1;
}

View Evaluator::collected(const Node& node, const View& range) {
    const bool filtered = node.op == Op::filter || node.args.size() == 3;
    const std::span<View> items =
        list_room(std::min(size_of(range), compiled().limits.list_items_max));
    if (items.data() == nullptr) return no_room(node);
    std::size_t count = 0;
    for (std::size_t i = 0; i < size_of(range); ++i) {
        bind_item(node, range, i);
        if (filtered) {
            const View wanted = predicate(*node.args[1], node);
            if (wanted.failed()) return wanted;
            if (!*wanted.as_bool()) continue;
        }
        if (count == items.size()) return no_room(node);
        items[count] = node.op == Op::filter ? locals_[node.slot] : run(*node.args.back());
        if (items[count].failed()) return items[count];
        ++count;
    }
    return ListView{.items = items.first(count)};
}

Error Evaluator::error_of(const Failure& failure) const {
    const Node& node = failure.node != nullptr ? *failure.node : *compiled().root;
    const Place place = place_of(compiled().source, node.at);
    const std::string_view whole = compiled().text_of(node);
    const std::string_view shown = cut_utf8(whole, 80);
    return Error{Errc::invalid_argument,
                 fmt::format("{} (line {}, column {}: {}{})", failure.message, place.line,
                             place.column, shown, shown.size() < whole.size() ? "…" : ""),
                 {},
                 std::source_location::current()};
}

Result<Value> Evaluator::own(const View& value) {
    Value::Data out;
    View problem;
    if (!own_into(out, value, problem)) return pass(error_of(problem.failure()));
    return Value{std::move(out)};
}

bool Evaluator::own_into(Value::Data& out, const View& value, View& problem) {
    const std::string_view* text = value.as_string();
    if (!charge_bytes(text == nullptr ? 0 : text->size()))
        problem = out_of_steps(*compiled().root);
    else if (value.failed())
        problem = value;
    if (problem.failed()) return false;
    if (const ListView* list = value.as_list()) {
        Value::List items;
        for (std::size_t i = 0; i < list->size(); ++i) {
            Value::Data item;
            if (!own_into(item, list->at(i), problem)) return false;
            items.emplace_back(std::move(item));
        }
        out = std::move(items);
    } else if (const MapView* map = value.as_map()) {
        Value::Map entries;
        for (std::size_t i = 0; i < map->size(); ++i) {
            Value::Data key;
            Value::Data item;
            if (!own_into(key, map->key_at(i), problem) ||
                !own_into(item, map->value_at(i), problem))
                return false;
            entries.emplace_back(Value{std::move(key)}, Value{std::move(item)});
        }
        out = std::move(entries);
    } else if (text != nullptr) {
        out = std::string{*text};
    } else if (const bool* b = value.as_bool()) {
        out = *b;
    } else if (const Decimal* number = value.as_decimal()) {
        out = *number;
    } else if (const Timestamp* at = value.as_time()) {
        out = *at;
    } else if (const Duration* length = value.as_duration()) {
        out = *length;
    } else if (const Kind* type = value.as_type()) {
        out = *type;
    }
    return true;
}

}  // namespace blotter::expression
