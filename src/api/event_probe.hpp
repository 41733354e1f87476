#pragma once

#include "base/result.hpp"
#include "observe/metrics.hpp"

namespace blotter::api {

/// How many kinds of failure there are.
inline constexpr std::size_t failure_kinds = 0
#define X(name, status, title) +1
#include "base/errors.def"
#undef X
    ;

/// Which rule an event did not meet that was set aside.
enum class QuarantineReason : std::uint8_t { schema, metadata };
inline std::string_view to_text(QuarantineReason reason) {
    return reason == QuarantineReason::schema ? "schema" : "metadata";
}

/// What becomes of events on their way in. One for the program: most of it is counted on the
/// writer's thread.
struct EventProbe {
    observe::Counter accepted;
    observe::Counter repeated;
    observe::CountersBy<QuarantineReason, 2> quarantined;
    observe::CountersBy<Errc, failure_kinds> refused;

    void show_on(observe::MetricsPage& page) const {
        page.add({"blotter_events_accepted_total", "Events accepted, of all sources"}, {},
                 accepted);
        page.add({"blotter_events_repeated_total", "Events that had been accepted before"}, {},
                 repeated);
        page.add({"blotter_events_quarantined_total", "Events set aside, by the rule not met"},
                 "reason", quarantined);
        page.add({"blotter_events_refused_total", "Posted events refused, by the error's code"},
                 "reason", refused);
    }
};

}  // namespace blotter::api
