// Times, durations and waits as people and servers write them.
#include "base/time.hpp"
#include "expression/timing.hpp"
#include "fuzz/target.hpp"
#include "http/message.hpp"

namespace blotter::fuzz {
namespace {

using namespace std::chrono_literals;

void check_moments(std::string_view text) {
    if (const auto at = parse_rfc3339(text)) {
        const std::string canonical = to_rfc3339(*at);
        INVARIANT(canonical.size() == 24 && canonical.ends_with('Z'));
        INVARIANT(parse_rfc3339(canonical).value() == *at);
        INVARIANT(expression::in_calendar(*at));
        const auto offset = expression::offset_of("Europe/Paris", *at);
        INVARIANT(offset && (*offset == 1h || *offset == 2h));
    }
    // One form only, so that whatever is accepted is what we would have written.
    if (const auto at = http::parse_http_date(text)) INVARIANT(http::to_http_date(*at) == text);
}

void check_durations(std::string_view text) {
    if (const auto length = parse_duration(text)) {
        INVARIANT(*length >= Duration{});
        INVARIANT(parse_duration(to_text(*length)).value() == *length);
    }
    if (const auto span = expression::parse_span(text)) INVARIANT(expression::in_range(*span));
    if (const auto offset = expression::offset_of(text, from_ms(1'779'805'920'000)))
        INVARIANT(*offset > -24h && *offset < 24h);
}

}  // namespace

void run(std::string_view input) {
    check_moments(input);
    check_durations(input);
}

}  // namespace blotter::fuzz
