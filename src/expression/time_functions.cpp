#include <fmt/format.h>

#include "expression/builtins.hpp"
#include "expression/evaluator.hpp"
#include "expression/timing.hpp"

namespace blotter::expression {
namespace {

using Args = std::span<const View>;
using std::chrono::days;

/// A moment on the local calendar and clock.
struct Local {
    std::chrono::sys_days day;
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<Duration> clock;
};

enum class Part : std::uint8_t {
    year,
    month,
    date,
    day_of_month,
    day_of_week,
    day_of_year,
    hours,
    minutes,
    seconds,
    milliseconds,
};

/// Months, days of the month (getDayOfMonth), of the week and of the year count from 0, the date
/// from 1: as CEL has it.
std::int64_t part_of(const Local& at, Part part) {
    switch (part) {
        case Part::year:
            return static_cast<int>(at.date.year());
        case Part::month:
            return static_cast<unsigned>(at.date.month()) - 1;
        case Part::date:
            return static_cast<unsigned>(at.date.day());
        case Part::day_of_month:
            return static_cast<unsigned>(at.date.day()) - 1;
        case Part::day_of_week:
            return std::chrono::weekday{at.day}.c_encoding();
        case Part::day_of_year:
            return (at.day - std::chrono::sys_days{at.date.year() / 1 / 1}).count();
        case Part::hours:
            return at.clock.hours().count();
        case Part::minutes:
            return at.clock.minutes().count();
        case Part::seconds:
            return at.clock.seconds().count();
        case Part::milliseconds:
            return at.clock.subseconds().count();
    }
    std::unreachable();
}

/// A duration in whole hours, minutes or seconds; only the milliseconds are what is left over.
std::int64_t part_of(Duration length, Part part) {
    switch (part) {
        case Part::hours:
            return length / std::chrono::hours{1};
        case Part::minutes:
            return length / std::chrono::minutes{1};
        case Part::seconds:
            return length / std::chrono::seconds{1};
        default:
            return length.count() % 1'000;
    }
}

Result<Local> local_of(Args args) {
    const Timestamp at = *args[0].as_time();
    Duration ahead{};
    if (args.size() > 1) {
        TRY(ahead, offset_of(*args[1].as_string(), at));
    }
    const auto day = std::chrono::floor<days>(at + ahead);
    return Local{day, std::chrono::year_month_day{day},
                 std::chrono::hh_mm_ss<Duration>{at + ahead - day}};
}

template <Part part>
View get(Evaluator& evaluator, const Node& node, Args args) {
    if (const Duration* length = args[0].as_duration()) {
        if (args.size() > 1) return evaluator.fail(node, "a duration is in no time zone");
        return Decimal{part_of(*length, part)};
    }
    const auto local = local_of(args);
    if (!local) return evaluator.fail(node, local.error().detail);
    return Decimal{part_of(*local, part)};
}

View date(Evaluator& evaluator, const Node& node, Args args) {
    const auto local = local_of(args);
    if (!local) return evaluator.fail(node, local.error().detail);
    return evaluator.text(node,
                          fmt::format("{:04}-{:02}-{:02}", static_cast<int>(local->date.year()),
                                      static_cast<unsigned>(local->date.month()),
                                      static_cast<unsigned>(local->date.day())));
}

constexpr KindSet time{Kind::timestamp};
constexpr KindSet either{Kind::timestamp, Kind::duration};
constexpr KindSet text{Kind::string};
constexpr KindSet number{Kind::decimal};

constexpr Builtin table[] = {
    {"getFullYear", CallForm::method, 1, 2, {time, text}, number, get<Part::year>},
    {"getMonth", CallForm::method, 1, 2, {time, text}, number, get<Part::month>},
    {"getDate", CallForm::method, 1, 2, {time, text}, number, get<Part::date>},
    {"getDayOfMonth", CallForm::method, 1, 2, {time, text}, number, get<Part::day_of_month>},
    {"getDayOfWeek", CallForm::method, 1, 2, {time, text}, number, get<Part::day_of_week>},
    {"getDayOfYear", CallForm::method, 1, 2, {time, text}, number, get<Part::day_of_year>},
    {"getHours", CallForm::method, 1, 2, {either, text}, number, get<Part::hours>},
    {"getMinutes", CallForm::method, 1, 2, {either, text}, number, get<Part::minutes>},
    {"getSeconds", CallForm::method, 1, 2, {either, text}, number, get<Part::seconds>},
    {"getMilliseconds", CallForm::method, 1, 2, {either, text}, number, get<Part::milliseconds>},
    {"date", CallForm::function, 1, 2, {time, text}, text, date},
};

}  // namespace

std::span<const Builtin> time_functions() {
    return table;
}

}  // namespace blotter::expression
