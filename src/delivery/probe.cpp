#include "delivery/probe.hpp"

namespace blotter::delivery {

void DeliveryProbe::show_on(observe::MetricsPage& page) const {
    constexpr observe::Family by_outcome{"blotter_delivery_attempts_total",
                                         "Attempts made, by what they came to"};
#define X(name, number, kind, words) \
    page.add(by_outcome, {{"outcome", OutcomeCode::name}}, attempts.at(number));
#include "delivery/outcome.def"
#undef X
    page.add({"blotter_egress_denied_total", "Addresses that may not be contacted, refused"},
             {{"where", "delivery"}},
             attempts.at(static_cast<std::size_t>(OutcomeCode::address_denied)));
    constexpr observe::Family by_state{"blotter_deliveries_total",
                                       "Deliveries that came to an end or a wait"};
    page.add(by_state, {{"state", "delivered"}}, delivered);
    page.add(by_state, {{"state", "retrying"}}, retried);
    page.add(by_state, {{"state", "failed"}}, failed);
    page.add(by_state, {{"state", "held"}}, held);
    page.add({"blotter_deliveries_spilled_total",
              "First attempts that became rows because too many were waiting"},
             {}, spilled);
    page.add({"blotter_delivery_in_flight", "Attempts under way"}, {}, in_flight);
    page.add({"blotter_delivery_waiting", "Deliveries that wait in memory for their turn"}, {},
             waiting);
    page.add({"blotter_delivery_due_in_memory", "Due times held in memory"}, {}, due_in_memory);
    page.add({"blotter_delivery_unwritable",
              "Outcomes that the store refuses to take; they are tried again"},
             {}, unwritable);
    page.add({"blotter_circuits_open", "Destinations whose circuit is not closed"}, {},
             circuits_open);
    page.add({"blotter_delivery_attempt_seconds", "How long attempts take"}, {}, attempt_time);
    page.add({"blotter_delivery_wait_seconds", "From acceptance to the first attempt"}, {},
             wait_time);
}

}  // namespace blotter::delivery
