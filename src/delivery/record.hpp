#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.hpp"
#include "delivery/machine.hpp"
#include "store/tables/attempt_forms.hpp"
#include "store/tables/deliveries.hpp"

namespace blotter::delivery {

/// One thing to write about a delivery: an outcome, or a row for what cannot be tried now. Values,
/// so that the same batch can be written again after a full disk.
struct Record {
    enum class What : std::uint8_t {
        first_attempt,  ///< the outcome of a delivery that has no row yet
        attempt,        ///< the outcome of one that has a row
        row,            ///< a row without an attempt: queued with a time, or held
        change,         ///< another state without an attempt
        skip,           ///< waits behind an open circuit, at least until `next_at`
    };
    What what = What::first_attempt;

    /// Whether it changes a row that is there.
    bool has_row() const { return what != What::first_attempt && what != What::row; }

    // Who, and what a new row needs.
    std::int64_t delivery_no = 0;
    DeliveryId id;  ///< of an attempt: how the ledger names the delivery at its end
    std::int64_t event_seq = 0;
    std::int64_t destination_no = 0;
    std::int64_t workspace_no = 0;
    Timestamp accepted_at;  ///< of its event: a new row's time
    /// Set when this settles a first attempt that was owed.
    bool settles_first = false;

    // The attempt.
    std::uint32_t n = 1;
    Timestamp started_at;
    std::chrono::microseconds took{0};
    OutcomeCode outcome = OutcomeCode::not_sent;
    std::optional<int> status;
    store::AttemptFormPtr form;  ///< null where nothing is kept but `detail`
    std::string own;             ///< bytes of the form's
    std::string detail;          ///< JSON, or nothing
    std::string reference;

    // Where the delivery stands then.
    DeliveryState from = DeliveryState::queued;  ///< for `change`
    DeliveryState state = DeliveryState::delivered;
    std::optional<Timestamp> next_at;
    std::string reason;

    Effects effects;
    std::string words;  ///< of the failure, for the alert
    std::string cause;  ///< why the destination is disabled, if it is
    connectors::Alert alerted = connectors::Alert::to_raise;
};

/// A row that is due at a time, as written.
struct Due {
    std::int64_t destination_no = 0;
    std::int64_t delivery_no = 0;
    Timestamp at;
    /// An event that has just been accepted for an ordered destination: in order of rows.
    bool in_order = false;
    std::uint64_t order_key = 0;
};

/// The data of events was erased: what was not sent is not sent any more.
struct Erased {
    std::vector<std::int64_t> event_seqs;
};

}  // namespace blotter::delivery
