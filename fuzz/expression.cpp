// Expressions: compiled and evaluated within their limits, whoever wrote them.
#include "expression/expression.hpp"

#include "base/utf8.hpp"
#include "fuzz/target.hpp"

namespace blotter::fuzz {
namespace {

using namespace expression;

const json::Value& data() {
    static const json::Value made = json::parse(R"({
        "envelope": {"id": "env_1", "name": "Contrat \u00e9t\u00e9",
            "completed_at": "2026-05-26T14:32:00.123Z",
            "metadata": {"montant_ht": 12500.10, "tva_taux": "20", "remise": null}},
        "lines": [{"label": "Conseil", "amount": 100.50}, {"label": "Port", "amount": 4.40}],
        "huge": 1e300, "empty": [], "deep": [[[[1, 2], [3]]]], "m": {"607": "6071", "a": true}
    })")
                                        .value();
    return made;
}

Environment environment(std::size_t steps_max) {
    Environment out{
        .variables = {{"data", Kind::map}, {"at", Kind::timestamp}, {"n"}, {"unbound"}}};
    out.limits = {.source_bytes_max = 2'048,
                  .nodes_max = 300,
                  .depth_max = 40,
                  .steps_max = steps_max,
                  .list_items_max = 500,
                  .string_bytes_max = 4'096,
                  .memory_bytes_max = 1 << 20,
                  .explain_steps_max = 50};
    return out;
}

std::string outcome_of(const Result<Value>& result) {
    return result ? json::to_text(result->to_json()) : "error: " + result.error().detail;
}

/// Strings and lists inside of a result are within what an evaluation may make.
std::size_t bytes_of(const json::Value& value) {
    if (const auto* text = value.as_string()) return text->size();
    std::size_t sum = 0;
    if (const auto* items = value.as_array())
        for (const auto& item : *items) sum += 1 + bytes_of(item);
    if (const auto* members = value.as_object())
        for (const auto& [name, member] : *members) sum += name.size() + bytes_of(member);
    return sum;
}

void check_result(const Program& program, const Bindings& bindings) {
    const auto result = evaluate(program, bindings);
    const std::string outcome = outcome_of(result);
    INVARIANT(!find_invalid_utf8(outcome));
    INVARIANT(outcome_of(evaluate(program, bindings)) == outcome);
    const Explanation told = explain(program, bindings);
    INVARIANT(outcome_of(told.result) == outcome && told.steps.size() <= 50);
    for (const ExplainStep& step : told.steps)
        INVARIANT(!find_invalid_utf8(step.text) && !find_invalid_utf8(step.value));
    const Match match = matches(program, bindings);
    const bool* truth = result ? result->as_bool() : nullptr;
    INVARIANT(match.matched == (truth != nullptr && *truth));
    INVARIANT(match.problem.empty() == (truth != nullptr));
    if (!result) return;
    INVARIANT(program.result_kinds().has(result->kind()));
    INVARIANT(bytes_of(result->to_json()) <= 2 << 20);
    INVARIANT(json::parse(outcome, {.depth_max = 200, .members_max = 10'000}));
}

/// An evaluation that is given as many steps as another, or fewer, ends alike or says so.
void check_steps(std::string_view source, const Bindings& bindings, const std::string& full) {
    for (const std::size_t steps : {std::size_t{0}, std::size_t{7}, std::size_t{200}}) {
        const auto small = compile(source, environment(steps));
        INVARIANT(small);
        const auto result = evaluate(*small, bindings);
        if (result) INVARIANT(outcome_of(result) == full);
    }
}

/// Parentheses around the whole change nothing.
void check_wrapped(std::string_view source, const Bindings& bindings, const std::string& full) {
    if (full.starts_with("error: ")) return;
    const auto wrapped = compile("(" + std::string{source} + "\n)", environment(20'000));
    if (wrapped) INVARIANT(outcome_of(evaluate(*wrapped, bindings)) == full);
}

}  // namespace

void run(std::string_view input) {
    Bindings bindings;
    bindings.bind("data", data()).bind_time("at", from_ms(1'779'805'920'123));
    bindings.bind_decimal("n", Decimal::parse("-3.50").value());
    const auto program = compile(input, environment(20'000));
    if (!program) {
        INVARIANT(program.error().code == Errc::invalid_argument);
        INVARIANT(!find_invalid_utf8(program.error().detail));
        INVARIANT(program.error().detail.size() < 1'000);
        return;
    }
    check_result(*program, bindings);
    const std::string full = outcome_of(evaluate(*program, bindings));
    check_steps(input, bindings, full);
    check_wrapped(input, bindings, full);
}

}  // namespace blotter::fuzz
