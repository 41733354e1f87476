#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "expression/builtins.hpp"
#include "expression/evaluator.hpp"
#include "expression/timing.hpp"

namespace blotter::expression {
namespace {

using Args = std::span<const View>;

View to_string(Evaluator& evaluator, const Node& node, Args args) {
    if (args[0].as_string() != nullptr) return args[0];
    if (const bool* b = args[0].as_bool()) return std::string_view{*b ? "true" : "false"};
    if (const Decimal* number = args[0].as_decimal())
        return evaluator.text(node, number->to_text());
    if (const Timestamp* at = args[0].as_time()) return evaluator.text(node, to_rfc3339(*at));
    return evaluator.text(node, seconds_text(*args[0].as_duration()));
}

/// Numbers in text follow the JSON grammar, so that 12,500 or 0012 is refused, not guessed at.
View to_decimal(Evaluator& evaluator, const Node& node, Args args) {
    if (args[0].as_decimal() != nullptr) return args[0];
    const auto number = Decimal::parse(*args[0].as_string());
    if (number) return *number;
    return evaluator.fail(node, "the string is not a number such as 12500.10");
}

View to_int(Evaluator& evaluator, const Node& node, Args args) {
    if (const Timestamp* at = args[0].as_time())
        return Decimal{std::chrono::floor<std::chrono::seconds>(*at).time_since_epoch().count()};
    if (const Decimal* number = args[0].as_decimal())
        return number->round(0, Rounding::down).value_or(*number);
    const auto number = Decimal::parse(*args[0].as_string());
    if (number && number->is_whole()) return number->trimmed();
    return evaluator.fail(node, "the string is not a whole number such as 42");
}

View to_bool(Evaluator& evaluator, const Node& node, Args args) {
    if (args[0].as_bool() != nullptr) return args[0];
    constexpr std::array<std::string_view, 5> yes{"1", "t", "true", "TRUE", "True"};
    constexpr std::array<std::string_view, 5> no{"0", "f", "false", "FALSE", "False"};
    const std::string_view text = *args[0].as_string();
    if (std::find(yes.begin(), yes.end(), text) != yes.end()) return true;
    if (std::find(no.begin(), no.end(), text) != no.end()) return false;
    return evaluator.fail(node, "the string is neither true nor false");
}

View to_timestamp(Evaluator& evaluator, const Node& node, Args args) {
    if (args[0].as_time() != nullptr) return args[0];
    if (const Decimal* number = args[0].as_decimal()) {
        const auto seconds = number->to_int64();
        constexpr std::int64_t seconds_max = 253'402'300'799;  // the end of the year 9999
        if (!seconds || *seconds < 0 || *seconds > seconds_max)
            return evaluator.fail(node,
                                  "timestamp() of a number needs whole seconds since 1970, "
                                  "up to the year 9999");
        return Timestamp{std::chrono::seconds{*seconds}};
    }
    const auto at = parse_rfc3339(*args[0].as_string());
    // An offset can carry a time at the edges out of the calendar.
    if (at && in_calendar(*at)) return *at;
    return evaluator.fail(node, at ? "the time is outside the years 1970 to 9999"
                                   : std::string_view{at.error().detail});
}

View to_duration(Evaluator& evaluator, const Node& node, Args args) {
    if (args[0].as_duration() != nullptr) return args[0];
    const auto length = parse_span(*args[0].as_string());
    return length ? View{*length} : evaluator.fail(node, length.error().detail);
}

View type_of(Evaluator&, const Node&, Args args) {
    return args[0].kind();
}
View unchanged(Evaluator&, const Node&, Args args) {
    return args[0];
}

constexpr KindSet readable{Kind::string, Kind::boolean, Kind::decimal, Kind::timestamp,
                           Kind::duration};
constexpr KindSet number{Kind::decimal};

constexpr KindSet numeric{Kind::decimal, Kind::string};
constexpr KindSet countable{Kind::decimal, Kind::string, Kind::timestamp};
constexpr KindSet logical{Kind::boolean, Kind::string};
constexpr KindSet momentary{Kind::timestamp, Kind::string, Kind::decimal};
constexpr KindSet lasting{Kind::duration, Kind::string};
constexpr KindSet any = KindSet::any();
constexpr auto function = CallForm::function;

constexpr Builtin table[] = {
    {"string", function, 1, 1, {readable}, Kind::string, to_string},
    {"decimal", function, 1, 1, {numeric}, number, to_decimal},
    {"int", function, 1, 1, {countable}, number, to_int},
    {"bool", function, 1, 1, {logical}, Kind::boolean, to_bool},
    {"timestamp", function, 1, 1, {momentary}, Kind::timestamp, to_timestamp},
    {"duration", function, 1, 1, {lasting}, Kind::duration, to_duration},
    {"type", function, 1, 1, {any}, Kind::type, type_of},
    {"dyn", function, 1, 1, {any}, any, unchanged},
};

}  // namespace

std::span<const Builtin> conversion_functions() {
    return table;
}

}  // namespace blotter::expression
