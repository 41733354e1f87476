#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "store/tables/common.hpp"

namespace blotter::store {

/// Where a delivery stands, with the numbers of the delivery machine (whose 2, in flight, is never
/// stored). Final from `delivered` on.
enum class DeliveryState : std::uint8_t {
    queued = 1,
    retrying = 3,
    held = 4,
    delivered = 5,
    failed = 6,
    cancelled = 7,
};
inline bool is_final(DeliveryState state) {
    return state >= DeliveryState::delivered;
}

/// One event for one destination. The row is made with the outcome of the first attempt, or at
/// intake when the event cannot be sent at once. The first attempt stands in the row, further ones
/// are rows of their own (attempts.hpp).
/// Its number is given before the row is made (delivery_numbers.hpp).
/// Invariants: one row per event, destination and replay; a `due` row exists exactly when
/// `next_at` is set, and a `held` row exactly in state held; a final state never changes.
struct DeliveryRow {
    std::int64_t no = 0;
    DeliveryId id;  ///< of a planned one: delivery_ids.hpp
    std::int64_t event_seq = 0;
    std::int64_t destination_no = 0;
    std::int64_t workspace_no = 0;
    std::int64_t replay_no = 0;             ///< 0: planned at intake
    std::optional<std::int64_t> replay_of;  ///< the delivery that is sent again, if it was one
    DeliveryState state = DeliveryState::queued;
    std::uint32_t attempts = 0;
    std::optional<Timestamp> first_at;  ///< start of the first attempt
    std::optional<Timestamp> last_at;   ///< start of the last one
    std::optional<Timestamp> next_at;   ///< no attempt before this
    std::string reference;              ///< the accounting reference id, empty for none
    std::string reason;                 ///< why it is held or how it ended, empty for none
    Timestamp created_at;
};

// --- Reading ---

Result<std::optional<DeliveryRow>> find_delivery(sql::Connection& db, std::int64_t workspace_no,
                                                 const DeliveryId& id);
Result<std::optional<DeliveryRow>> load_delivery(sql::Connection& db, std::int64_t no);
/// The one planned at intake (replay 0) or of a replay.
struct DeliveryPlace {
    std::int64_t event_seq = 0;
    std::int64_t destination_no = 0;
    std::int64_t replay_no = 0;
};
Result<std::optional<DeliveryRow>> load_delivery_at(sql::Connection& db,
                                                    const DeliveryPlace& place);

// --- Writing ---

/// A delivery that is not tried at once: `queued` with `next_at`, or `held` with a reason.
struct NewDelivery {
    std::int64_t no = 0;
    DeliveryId id;  ///< of a replay only
    std::int64_t event_seq = 0;
    std::int64_t destination_no = 0;
    std::int64_t workspace_no = 0;
    std::int64_t replay_no = 0;  ///< or `planned_without_number`
    std::optional<std::int64_t> replay_of;
    DeliveryState state = DeliveryState::queued;
    std::optional<Timestamp> next_at;
    std::string_view reason;
    Timestamp created_at;
};
/// The number; nothing when that event has its row there already (for the same replay), so that
/// work that is repeated after a crash adds nothing.
Result<std::optional<std::int64_t>> insert_delivery(sql::Connection& db, const NewDelivery& row);

/// What an attempt came to and where the delivery stands after it. Views must stay until the call
/// returns.
struct AttemptResult {
    std::uint32_t n = 1;
    Timestamp started_at;
    std::chrono::microseconds took{0};
    int outcome = 0;
    std::optional<int> status;
    ByteView detail;  ///< JSON, or as `pack_attempt` gives it
    DeliveryState state = DeliveryState::delivered;
    std::optional<Timestamp> next_at;  ///< while queued or retrying
    std::string_view reference;
    std::string_view reason;
};

/// The outcome of the first attempt of a delivery that has no row yet: the happy path, one insert
/// (and a due row when it is to be tried again). Ignores `state`, `next_at` and `reason` of `row`.
/// Gives the number; nothing when the row exists already, and then nothing is written.
Result<std::optional<std::int64_t>> record_first_attempt(sql::Connection& db,
                                                         const NewDelivery& row,
                                                         const AttemptResult& result);
/// The outcome of an attempt of a delivery that has a row, and its due or held row.
/// `Applied::no`, and nothing is written, when the delivery is final or has not made exactly
/// `result.n - 1` attempts.
Result<Applied> record_attempt(sql::Connection& db, std::int64_t delivery_no,
                               const AttemptResult& result);
/// A wait behind an open circuit, whatever attempts were made before it, if the delivery waits for
/// one. It is on record once per attempt, and the time never moves back. Gives the new time;
/// nothing when the delivery does not wait.
struct CircuitWait {
    std::int64_t no = 0;
    Timestamp at;
    Timestamp until;
    int outcome = 0;
    std::string_view reason;
};
Result<std::optional<Timestamp>> record_wait(sql::Connection& db, const CircuitWait& wait);

/// A change of state without an attempt: hold, release, cancel, give up, another time.
struct DeliveryChange {
    std::int64_t no = 0;
    DeliveryState from = DeliveryState::queued;
    DeliveryState to = DeliveryState::held;
    std::optional<Timestamp> next_at;  ///< for queued and retrying
    std::string_view reason;
};
/// `Applied::no` when it is not in state `from` any more.
Result<Applied> change_delivery(sql::Connection& db, const DeliveryChange& change);

/// The outcome of an attempt that was under way when its delivery was cancelled: its data was
/// erased, its destination removed. It is on record, and the delivery is delivered if the receiver
/// took it: people must know who has the data. `Applied::no` for anything else.
Result<Applied> record_late_attempt(sql::Connection& db, std::int64_t delivery_no,
                                    const AttemptResult& result);

}  // namespace blotter::store
