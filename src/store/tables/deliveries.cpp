#include "store/tables/deliveries.hpp"

#include "base/invariant.hpp"
#include "store/tables/delivered.hpp"
#include "store/tables/delivery_numbers.hpp"
#include "store/tables/delivery_rows.hpp"
#include "store/tables/event_plan.hpp"

namespace blotter::store {
namespace {

using detail::delivery_select;
using detail::kept;
using detail::read_delivery;
using detail::text_or_null;

static_assert(static_cast<int>(DeliveryState::delivered) == 5,
              "the statements and an index take 5 for delivered, the first final state");

constexpr sql::Query delivery_by_id{
    "delivery.by_id", kept<delivery_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query delivery_by_no{"delivery.by_no",
                                    kept<delivery_select + "WHERE no = ?1">.chars};
// `replay_no <> 0` is what the partial index is made of; it must be said for it to be used.
constexpr sql::Query delivery_at{
    "delivery.at", kept<delivery_select +
                        "WHERE event_seq = ?1 AND destination_no = ?2 AND replay_no = ?3 "
                        "AND replay_no <> 0">.chars};

// Where an id may lead that no row has. Events share a millisecond and twelve random bits: one, as
// a rule; the limit is for a client that makes ids itself, and alike.
constexpr sql::Query events_between{
    "event.of_delivery", "SELECT seq, id FROM event WHERE id >= ?1 AND id <= ?2 LIMIT 10000"};
constexpr sql::Query delivery_standing{
    "delivery.standing",
    "SELECT no, destination_no, state, next_ms, attempts FROM delivery WHERE no = ?1"};

// The hot path: one row, no index.
constexpr sql::Query planned_insert{
    "delivery.insert_planned",
    "INSERT INTO delivery (no, event_seq, destination_no, workspace_no, replay_no, state, "
    "attempts, first_ms, last_ms, next_ms, reference, reason, created_ms, first_took_us, "
    "first_outcome, first_status, first_detail) "
    "VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
    "ON CONFLICT (no) DO NOTHING"};
constexpr sql::Query other_insert{
    "delivery.insert",
    "INSERT INTO delivery (no, id, event_seq, destination_no, workspace_no, replay_no, replay_of, "
    "state, attempts, next_ms, reason, created_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11) "
    "ON CONFLICT (event_seq, destination_no, replay_no) WHERE replay_no <> 0 DO NOTHING"};
constexpr sql::Query delivery_first{
    "delivery.first_attempt",
    "UPDATE delivery SET first_took_us = ?2, first_outcome = ?3, first_status = ?4, "
    "first_detail = ?5 WHERE no = ?1"};
constexpr sql::Query delivery_attempted{
    "delivery.attempted",
    "UPDATE delivery SET state = ?3, attempts = ?2, first_ms = COALESCE(first_ms, ?4), "
    "last_ms = ?4, next_ms = ?5, reference = ?6, reason = ?7 "
    "WHERE no = ?1 AND attempts = ?2 - 1 AND state < 5"};
constexpr sql::Query delivery_moved{"delivery.moved",
                                    "UPDATE delivery SET state = ?3, next_ms = ?4, reason = ?5 "
                                    "WHERE no = ?1 AND state = ?2 AND state < 5"};

// 5 is delivered, 7 cancelled.
constexpr sql::Query delivery_late{
    "delivery.late",
    "UPDATE delivery SET state = CASE WHEN ?3 = 5 THEN 5 ELSE 7 END, attempts = ?2, "
    "first_ms = COALESCE(first_ms, ?4), last_ms = ?4, reference = ?5 "
    "WHERE no = ?1 AND attempts = ?2 - 1 AND state = 7"};

constexpr sql::Query attempt_once{
    "attempt.once",
    "INSERT INTO attempt (key, started_ms, took_us, outcome, status, detail) "
    "VALUES (?1, ?2, 0, ?3, NULL, ?4) ON CONFLICT DO NOTHING"};
constexpr sql::Query attempt_insert{
    "attempt.insert",
    "INSERT INTO attempt (key, started_ms, took_us, outcome, status, detail) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};

constexpr sql::Query due_insert{
    "due.insert", "INSERT INTO due (due_ms, delivery_no, destination_no) VALUES (?1, ?2, ?3)"};
constexpr sql::Query due_delete{"due.delete",
                                "DELETE FROM due WHERE due_ms = ?1 AND delivery_no = ?2"};
constexpr sql::Query held_insert{"held.insert",
                                 "INSERT INTO held (destination_no, delivery_no) VALUES (?1, ?2)"};
constexpr sql::Query held_delete{"held.delete",
                                 "DELETE FROM held WHERE destination_no = ?1 AND delivery_no = ?2"};

Result<> insert_attempt(sql::Connection& db, std::int64_t delivery_no, const AttemptResult& a) {
    if (a.n == 1)
        return sql::run(db, delivery_first, delivery_no, a.took.count(), a.outcome, a.status,
                        a.detail);
    return sql::run(db, attempt_insert, detail::attempt_key(delivery_no, a.n), a.started_at,
                    a.took.count(), a.outcome, a.status, a.detail);
}

/// What is planned has its id from its event.
std::optional<DeliveryId> own_id(const NewDelivery& row) {
    if (row.replay_no == planned_without_number) return std::nullopt;
    return row.id;
}

/// Whether it stands in a block: it has no row of its own then, and needs none.
Result<bool> is_delivered(sql::Connection& db, std::int64_t no) {
    TRY(const auto block, DeliveredBlock::load_of(db, no));
    TRY(const std::uint64_t numbers, block.numbers());
    return (numbers >> (no - block.begin()) & 1) != 0;
}

/// Where a delivery waits: in the due index, among the held ones, or nowhere.
struct Waiting {
    std::int64_t delivery_no = 0;
    std::int64_t destination_no = 0;
    DeliveryState state = DeliveryState::queued;
    std::optional<Timestamp> next_at;
};

Result<> enter(sql::Connection& db, const Waiting& w) {
    INVARIANT(!w.next_at || w.state == DeliveryState::queued || w.state == DeliveryState::retrying);
    if (w.next_at) return sql::run(db, due_insert, *w.next_at, w.delivery_no, w.destination_no);
    if (w.state == DeliveryState::held)
        return sql::run(db, held_insert, w.destination_no, w.delivery_no);
    return {};
}

Result<> leave(sql::Connection& db, const Waiting& w) {
    if (w.next_at) return sql::run(db, due_delete, *w.next_at, w.delivery_no);
    if (w.state == DeliveryState::held)
        return sql::run(db, held_delete, w.destination_no, w.delivery_no);
    return {};
}

/// What a change needs to know of the row before it.
struct Standing {
    Waiting waiting;
    std::uint32_t attempts = 0;
};
Result<std::optional<Standing>> load_standing(sql::Connection& db, std::int64_t no) {
    const auto read = [](const sql::Statement& s) {
        return Standing{
            {s.integer(0), s.integer(1), detail::enum_at<DeliveryState>(s, 2), sql::time_if(s, 3)},
            static_cast<std::uint32_t>(s.integer(4))};
    };
    return sql::one(db, delivery_standing, read, no);
}

/// Puts a delivery where it now waits, after its row was changed.
Result<> move(sql::Connection& db, const Waiting& before, DeliveryState state,
              std::optional<Timestamp> next_at) {
    CHECK(leave(db, before));
    return enter(db, {before.delivery_no, before.destination_no, state, next_at});
}

}  // namespace

Result<std::optional<DeliveryRow>> find_delivery(sql::Connection& db, std::int64_t workspace_no,
                                                 const DeliveryId& id) {
    TRY(auto own, sql::one(db, delivery_by_id, read_delivery, workspace_no, id));
    if (own) return own;
    const EventIdRange range = events_of(id);
    const auto read = [](const sql::Statement& s) {
        return std::pair{s.integer(0), sql::id_at<EventId>(s, 1)};
    };
    TRY(const auto events, sql::all(db, events_between, read, range.first, range.last));
    for (const auto& [seq, event] : events) {
        const auto destination_no = destination_in(id, event);
        if (!destination_no) continue;
        TRY(auto row, load_delivery_at(db, {seq, *destination_no, 0}));
        // One that is older than such ids has another.
        if (row && row->workspace_no == workspace_no && row->id == id) return row;
    }
    return std::nullopt;
}

Result<std::optional<DeliveryRow>> load_delivery(sql::Connection& db, std::int64_t no) {
    TRY(auto own, sql::one(db, delivery_by_no, read_delivery, no));
    if (own) return own;
    TRY(const auto block, DeliveredBlock::load_of(db, no));
    TRY(const auto delivered, block.find(no));
    if (!delivered) return std::nullopt;
    TRY(auto row, detail::row_of(db, *delivered));
    return row;
}

Result<std::optional<DeliveryRow>> load_delivery_at(sql::Connection& db,
                                                    const DeliveryPlace& place) {
    std::int64_t replay_no = place.replay_no;
    if (replay_no == 0) {
        TRY(const auto plan, load_plan(db, place.event_seq));
        if (!plan) return std::nullopt;
        if (plan->is_numbered()) {
            const auto no = plan->number_of(place.destination_no);
            if (!no) return std::nullopt;
            return load_delivery(db, *no);
        }
        replay_no = planned_without_number;
    }
    return sql::one(db, delivery_at, read_delivery, place.event_seq, place.destination_no,
                    replay_no);
}

Result<std::optional<std::int64_t>> insert_delivery(sql::Connection& db, const NewDelivery& row) {
    INVARIANT(row.no > 0);
    Applied made = Applied::no;
    if (row.replay_no == 0) {
        TRY(const bool ended, is_delivered(db, row.no));
        if (ended) return std::nullopt;
        TRY(made, detail::change(db, planned_insert, row.no, row.event_seq, row.destination_no,
                                 row.workspace_no, row.state, 0, nullptr, row.next_at, nullptr,
                                 text_or_null(row.reason), row.created_at, nullptr, nullptr,
                                 nullptr, nullptr));
    } else {
        TRY(made, detail::change(db, other_insert, row.no, own_id(row), row.event_seq,
                                 row.destination_no, row.workspace_no, row.replay_no, row.replay_of,
                                 row.state, row.next_at, text_or_null(row.reason), row.created_at));
    }
    if (made == Applied::no) return std::nullopt;
    CHECK(enter(db, {row.no, row.destination_no, row.state, row.next_at}));
    return row.no;
}

Result<std::optional<std::int64_t>> record_first_attempt(sql::Connection& db,
                                                         const NewDelivery& row,
                                                         const AttemptResult& result) {
    INVARIANT(row.no > 0 && row.replay_no == 0 && result.n == 1);
    TRY(const bool ended, is_delivered(db, row.no));
    if (ended) return std::nullopt;
    TRY(const Applied made,
        detail::change(db, planned_insert, row.no, row.event_seq, row.destination_no,
                       row.workspace_no, result.state, result.n, result.started_at, result.next_at,
                       text_or_null(result.reference), text_or_null(result.reason), row.created_at,
                       result.took.count(), result.outcome, result.status, result.detail));
    if (made == Applied::no) return std::nullopt;
    CHECK(enter(db, {row.no, row.destination_no, result.state, result.next_at}));
    return row.no;
}

Result<Applied> record_attempt(sql::Connection& db, std::int64_t delivery_no,
                               const AttemptResult& result) {
    TRY(const auto before, load_standing(db, delivery_no));
    if (!before) return Applied::no;
    TRY(const Applied applied,
        detail::change(db, delivery_attempted, delivery_no, result.n, result.state,
                       result.started_at, result.next_at, text_or_null(result.reference),
                       text_or_null(result.reason)));
    if (applied == Applied::no) return Applied::no;
    CHECK(insert_attempt(db, delivery_no, result));
    CHECK(move(db, before->waiting, result.state, result.next_at));
    return Applied::yes;
}

Result<std::optional<Timestamp>> record_wait(sql::Connection& db, const CircuitWait& wait) {
    TRY(const auto before, load_standing(db, wait.no));
    if (!before || !before->waiting.next_at) return std::nullopt;
    const DeliveryState state = before->waiting.state;
    const Timestamp next = std::max(*before->waiting.next_at, wait.until);
    CHECK(sql::run(db, delivery_moved, wait.no, state, state, next, text_or_null(wait.reason)));
    CHECK(sql::run(db, attempt_once, detail::skip_key(wait.no, before->attempts), wait.at,
                   wait.outcome, as_bytes("{}")));
    CHECK(move(db, before->waiting, state, next));
    return next;
}

Result<Applied> change_delivery(sql::Connection& db, const DeliveryChange& change) {
    TRY(const auto before, load_standing(db, change.no));
    if (!before) return Applied::no;
    TRY(const Applied applied, detail::change(db, delivery_moved, change.no, change.from, change.to,
                                              change.next_at, text_or_null(change.reason)));
    if (applied == Applied::no) return Applied::no;
    CHECK(move(db, before->waiting, change.to, change.next_at));
    return Applied::yes;
}

Result<Applied> record_late_attempt(sql::Connection& db, std::int64_t delivery_no,
                                    const AttemptResult& result) {
    TRY(const Applied applied,
        detail::change(db, delivery_late, delivery_no, result.n, result.state, result.started_at,
                       text_or_null(result.reference)));
    if (applied == Applied::no) return Applied::no;
    CHECK(insert_attempt(db, delivery_no, result));
    return Applied::yes;
}

}  // namespace blotter::store
