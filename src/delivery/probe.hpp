#pragma once

#include "observe/metrics.hpp"

namespace blotter::delivery {

/// What delivery counts. One for all loops.
struct DeliveryProbe {
    observe::Counter attempts;
    observe::Counter delivered;
    observe::Counter retried;
    observe::Counter failed;
    observe::Counter held;
    observe::Counter spilled;
    observe::Gauge in_flight;
    observe::Histogram attempt_time;
    observe::Histogram wait_time;  ///< acceptance to the start of the first attempt

    void show_on(observe::MetricsPage& page) const {
        page.add({"blotter_delivery_attempts_total", "Attempts made"}, {}, attempts);
        page.add({"blotter_deliveries_total", "Deliveries that came to an end or a wait"},
                 {{"state", "delivered"}}, delivered);
        page.add({"blotter_deliveries_total", "Deliveries that came to an end or a wait"},
                 {{"state", "retrying"}}, retried);
        page.add({"blotter_deliveries_total", "Deliveries that came to an end or a wait"},
                 {{"state", "failed"}}, failed);
        page.add({"blotter_deliveries_total", "Deliveries that came to an end or a wait"},
                 {{"state", "held"}}, held);
        page.add({"blotter_deliveries_spilled_total",
                  "First attempts that became rows because too many were waiting"},
                 {}, spilled);
        page.add({"blotter_delivery_in_flight", "Attempts under way"}, {}, in_flight);
        page.add({"blotter_delivery_attempt_seconds", "How long attempts take"}, {}, attempt_time);
        page.add({"blotter_delivery_wait_seconds", "From acceptance to the first attempt"}, {},
                 wait_time);
    }
};

}  // namespace blotter::delivery
