#pragma once

#include <array>

#include "delivery/outcome.hpp"
#include "observe/metrics.hpp"

namespace blotter::delivery {

/// What delivery counts on one loop; the page adds the loops up.
struct DeliveryProbe {
    /// By the stored number of the outcome.
    std::array<observe::Counter, outcome_numbers> attempts{};
    observe::Counter delivered;
    observe::Counter retried;
    observe::Counter failed;
    observe::Counter held;
    observe::Counter spilled;
    observe::Gauge in_flight;
    observe::Gauge waiting;
    observe::Gauge due_in_memory;
    observe::Gauge unwritable;
    observe::Gauge circuits_open;
    observe::Histogram attempt_time;
    observe::Histogram wait_time;  ///< acceptance to the start of the first attempt

    void attempted(OutcomeCode outcome) { attempts.at(static_cast<std::size_t>(outcome)).add(); }
    void show_on(observe::MetricsPage& page) const;
};

}  // namespace blotter::delivery
