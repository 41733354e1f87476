#pragma once

#include <span>

#include "model/event_types.hpp"
#include "store/tables/common.hpp"
#include "store/tables/event_plan.hpp"

namespace blotter::store {

/// An event as it is read. Immutable once written.
struct EventRow {
    std::int64_t seq = 0;  ///< the order of acceptance over all workspaces
    EventId id;
    std::int64_t workspace_no = 0;
    EventType type = EventType::source_unknown;
    std::optional<std::int64_t> envelope_no;
    std::optional<std::int64_t> document_no;
    std::vector<std::int64_t> entity_nos;
    Timestamp occurred_at;
    Timestamp accepted_at;
    std::optional<Digest> request_hash;
    std::int64_t log_no = 0;
    std::int64_t leaf = 0;  ///< its index in that log
    EventPlan plan;
    /// Stands for an envelope that another application keeps; events of one of ours have its
    /// number.
    std::optional<std::int64_t> order_key;
    Bytes payload;  ///< sealed; empty when it was not asked for

    /// What deliveries in order per envelope are ordered by; 0 for none.
    std::uint64_t order() const {
        return static_cast<std::uint64_t>(order_key.value_or(envelope_no.value_or(0)));
    }
};

/// An event to write. Views must stay until the call returns.
struct NewEvent {
    EventId id;
    std::int64_t workspace_no = 0;
    EventType type = EventType::source_unknown;
    std::optional<std::int64_t> envelope_no;
    std::optional<std::int64_t> document_no;
    std::span<const std::int64_t> entity_nos;
    Timestamp occurred_at;
    Timestamp accepted_at;
    std::optional<Digest> request_hash;  ///< only when the client chose the id
    std::int64_t log_no = 0;
    std::int64_t leaf = 0;
    std::int64_t first_delivery = 0;        ///< the number of the first, where there is a plan
    std::span<const std::int64_t> plan;     ///< destination numbers, in order of routing
    std::optional<std::int64_t> order_key;  ///< see EventRow
    ByteView payload;
};

enum class Payload : bool { skip, read };

/// Gives the seq. `conflict` when the id is taken: look at `find_event` and its `request_hash`.
/// The hot path: one row, two or three index entries.
Result<std::int64_t> insert_event(sql::Connection& db, const NewEvent& event);
Result<std::optional<EventRow>> find_event(sql::Connection& db, std::int64_t workspace_no,
                                           const EventId& id);
Result<std::optional<EventRow>> load_event(sql::Connection& db, std::int64_t seq, Payload payload);

/// Where the ledger has the entry of an event: also of one that retention deleted.
struct EventLeaf {
    std::int64_t log_no = 0;
    std::int64_t leaf = 0;
};
Result<std::optional<EventLeaf>> find_event_leaf(sql::Connection& db, std::int64_t workspace_no,
                                                 const EventId& id);

/// Times are those of acceptance. All parts given must hold.
struct EventFilter {
    std::int64_t workspace_no = 0;
    std::optional<EventTypes> types;
    std::optional<std::int64_t> envelope_no;
    std::optional<std::int64_t> document_no;
    std::optional<std::int64_t> entity_no;
    std::optional<Timestamp> from;   ///< inclusive
    std::optional<Timestamp> until;  ///< exclusive
};
/// Positions are seqs. A time range is entered by binary search over the acceptance times, which
/// is exact as long as the wall clock was never set back by more than an hour.
Result<Page<EventRow>> list_events(sql::Connection& db, const EventFilter& filter,
                                   const PageOptions& page, Payload payload);
/// Looks at no more than ten times `cap` rows.
Result<Count> count_events(sql::Connection& db, const EventFilter& filter, std::int64_t cap);
Result<std::int64_t> last_event_seq(sql::Connection& db);

// --- event_key: Idempotency-Key of events, only when one was given. ---

struct EventKeyRow {
    std::int64_t event_seq = 0;
    Digest request_hash{};
};
struct EventKey {
    std::int64_t workspace_no = 0;
    ByteView key;  ///< at most 255 bytes
};
/// `conflict` when the key is taken.
Result<> insert_event_key(sql::Connection& db, const EventKey& key, const EventKeyRow& row);
Result<std::optional<EventKeyRow>> find_event_key(sql::Connection& db, const EventKey& key);

/// Forgets the keys of events accepted before a time; gives how many.
Result<std::int64_t> purge_event_keys(sql::Connection& db, Timestamp before, std::size_t limit);

// --- Recovery: first attempts still owed. ---

/// An event and what of its plan has no delivery row yet.
struct OwedDelivery {
    std::int64_t destination_no = 0;
    std::int64_t no = 0;  ///< 0: its plan has no numbers
    bool operator==(const OwedDelivery&) const = default;
};
/// Of the plan of one event, which was read with or without its payload.
Result<std::vector<OwedDelivery>> list_owed_of(sql::Connection& db, const EventRow& event);
struct OwedEvent {
    EventRow event;  ///< without payload
    std::vector<OwedDelivery> deliveries;
};
struct OwedSlice {
    std::vector<OwedEvent> events;
    std::int64_t scanned_to = 0;  ///< go on after this seq; nothing at or below it is left out
    bool more = false;
};
/// Looks at up to `limit` events with a plan after `after_seq` (first the watermark), oldest first.
Result<OwedSlice> list_owed(sql::Connection& db, std::int64_t after_seq, std::size_t limit);
/// Every event up to it has all rows of its plan. Never moves back.
Result<Applied> advance_watermark(sql::Connection& db, std::int64_t seq);
Result<std::int64_t> read_watermark(sql::Connection& db);

// --- Retention ---

/// Deletes events accepted before a time with everything that hangs on them (deliveries, attempts,
/// keys, renewals, accesses); the leaves of the ledger stay, and where they are. Spares events
/// above the watermark that have a plan, those with a delivery that is not final, and the newest of
/// all, so that no seq is given twice.
struct EventRetention {
    std::int64_t workspace_no = 0;
    Timestamp before;
    std::int64_t after = 0;  ///< the `next` of the chunk before
    std::size_t limit = 500;
};
Result<Chunk> delete_old_events(sql::Connection& db, const EventRetention& retention);

}  // namespace blotter::store
