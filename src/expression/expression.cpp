#include "expression/expression.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "expression/diagnostic.hpp"
#include "expression/evaluator.hpp"
#include "expression/parser.hpp"
#include "expression/resolver.hpp"
#include "expression/tracer.hpp"

namespace blotter::expression {

std::string_view Program::source() const {
    return compiled_->source;
}
KindSet Program::result_kinds() const {
    return compiled_->root->kinds;
}

const Bindings::Bound* Bindings::find(std::string_view name) const {
    for (const auto& [known, value] : bound_)
        if (known == name) return &value;
    return nullptr;
}

Bindings& Bindings::add(std::string_view name, Bound value) {
    for (auto& [known, old] : bound_) {
        if (known != name) continue;
        old = value;
        return *this;
    }
    if (bound_.empty()) bound_.reserve(4);
    bound_.emplace_back(name, value);
    return *this;
}

Result<Program> compile(std::string_view source, const Environment& environment) {
    const Limits& limits = environment.limits;
    if (source.size() > limits.source_bytes_max)
        return fail(Errc::invalid_argument,
                    fmt::format("the expression has {} bytes, at most {} are accepted",
                                source.size(), limits.source_bytes_max));
    if (const auto bad = find_invalid_utf8(source))
        return fail(Errc::invalid_argument,
                    fmt::format("the expression is not valid UTF-8 at byte {}", *bad));
    const auto compiled = std::make_shared<Compiled>(source, limits);
    TRY(Node* const root, Parser{*compiled}.parse());
    CHECK(Resolver{*compiled, environment}.resolve(*root));
    compiled->root = root;
    return Program{compiled};
}

Result<Value> evaluate(const Program& program, const Bindings& bindings) {
    const Compiled& compiled = program.compiled();
    Arena arena{compiled.limits.memory_bytes_max};
    Evaluator evaluator{{.compiled = compiled, .arena = arena, .bindings = &bindings}};
    return evaluator.own(evaluator.run(*compiled.root));
}

Match matches(const Program& program, const Bindings& bindings) {
    const Compiled& compiled = program.compiled();
    Arena arena{compiled.limits.memory_bytes_max};
    Evaluator evaluator{{.compiled = compiled, .arena = arena, .bindings = &bindings}};
    const View value = evaluator.run(*compiled.root);
    if (value.failed()) return {.problem = evaluator.error_of(value.failure()).detail};
    if (const bool* matched = value.as_bool()) return {.matched = *matched};
    return {.problem = fmt::format("the result is a {}, not a bool", name_of(value.kind()))};
}

Explanation explain(const Program& program, const Bindings& bindings) {
    const Compiled& compiled = program.compiled();
    Arena arena{compiled.limits.memory_bytes_max};
    Tracer tracer{compiled};
    Evaluator evaluator{
        {.compiled = compiled, .arena = arena, .bindings = &bindings, .tracer = &tracer}};
    const View value = evaluator.run(*compiled.root);
    return {.result = evaluator.own(value),
            .steps = tracer.take_steps(),
            .truncated = tracer.truncated()};
}

}  // namespace blotter::expression
