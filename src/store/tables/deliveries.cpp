#include "store/tables/deliveries.hpp"

#include "base/invariant.hpp"
#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;
using detail::text_or_null;

static_assert(static_cast<int>(DeliveryState::delivered) == 5,
              "the statements and an index take 5 for delivered, the first final state");

constexpr Text delivery_select{
    "SELECT no, id, event_seq, destination_no, workspace_no, replay_no, replay_of, state, "
    "attempts, first_ms, last_ms, next_ms, reference, reason, created_ms FROM delivery "};
constexpr sql::Query delivery_by_id{
    "delivery.by_id", kept<delivery_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query delivery_by_no{"delivery.by_no",
                                    kept<delivery_select + "WHERE no = ?1">.chars};
constexpr sql::Query delivery_at{
    "delivery.at",
    kept<delivery_select +
         "WHERE event_seq = ?1 AND destination_no = ?2 AND replay_no = ?3">.chars};

// The three ways into a list: each is bound with its key, both ends of the numbers, and a limit.
constexpr Both list_of_workspace{
    {"delivery.newest", kept<delivery_select +
                             "WHERE workspace_no = ?1 AND no > ?2 AND no < ?3 "
                             "ORDER BY no DESC LIMIT ?4">.chars},
    {"delivery.oldest", kept<delivery_select +
                             "WHERE workspace_no = ?1 AND no > ?2 AND no < ?3 "
                             "ORDER BY no LIMIT ?4">.chars}};
constexpr Both list_of_destination{
    {"delivery.destination_newest", kept<delivery_select +
                                         "WHERE destination_no = ?1 AND no > ?2 AND no < ?3 "
                                         "ORDER BY no DESC LIMIT ?4">.chars},
    {"delivery.destination_oldest", kept<delivery_select +
                                         "WHERE destination_no = ?1 AND no > ?2 AND no < ?3 "
                                         "ORDER BY no LIMIT ?4">.chars}};
// The plus keeps the engine on the event's index: an event has few deliveries, and they are sorted.
constexpr Both list_of_event{
    {"delivery.event_newest", kept<delivery_select +
                                   "WHERE event_seq = ?1 AND +no > ?2 AND +no < ?3 "
                                   "ORDER BY +no DESC LIMIT ?4">.chars},
    {"delivery.event_oldest", kept<delivery_select +
                                   "WHERE event_seq = ?1 AND +no > ?2 AND +no < ?3 "
                                   "ORDER BY +no LIMIT ?4">.chars}};
// `state <> 5` is what the partial index is made of; it must be said for the index to be used.
constexpr Both list_of_state{
    {"delivery.state_newest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no DESC LIMIT ?4">.chars},
    {"delivery.state_oldest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no LIMIT ?4">.chars}};

constexpr sql::Query delivery_insert{
    "delivery.insert",
    "INSERT INTO delivery (id, event_seq, destination_no, workspace_no, replay_no, replay_of, "
    "state, attempts, first_ms, last_ms, next_ms, reference, reason, created_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13) "
    "ON CONFLICT (event_seq, destination_no, replay_no) DO NOTHING"};
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
constexpr sql::Query attempt_replace{"attempt.replace",
                                     "UPDATE attempt SET detail = ?2 WHERE key = ?1"};
constexpr sql::Query attempt_insert{
    "attempt.insert",
    "INSERT INTO attempt (key, started_ms, took_us, outcome, status, detail) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
constexpr sql::Query attempt_list{
    "attempt.list",
    "SELECT key, started_ms, took_us, outcome, status, detail FROM attempt "
    "WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT 100"};

constexpr sql::Query due_insert{
    "due.insert", "INSERT INTO due (due_ms, delivery_no, destination_no) VALUES (?1, ?2, ?3)"};
constexpr sql::Query due_delete{"due.delete",
                                "DELETE FROM due WHERE due_ms = ?1 AND delivery_no = ?2"};
constexpr sql::Query held_insert{"held.insert",
                                 "INSERT INTO held (destination_no, delivery_no) VALUES (?1, ?2)"};
constexpr sql::Query held_delete{"held.delete",
                                 "DELETE FROM held WHERE destination_no = ?1 AND delivery_no = ?2"};

constexpr std::uint32_t attempt_number_max = detail::attempt_keys / 2 - 1;

DeliveryRow read_delivery(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<DeliveryId>(s, 1),
            .event_seq = s.integer(2),
            .destination_no = s.integer(3),
            .workspace_no = s.integer(4),
            .replay_no = s.integer(5),
            .replay_of = sql::integer_if(s, 6),
            .state = detail::enum_at<DeliveryState>(s, 7),
            .attempts = static_cast<std::uint32_t>(s.integer(8)),
            .first_at = sql::time_if(s, 9),
            .last_at = sql::time_if(s, 10),
            .next_at = sql::time_if(s, 11),
            .reference = detail::text_if(s, 12),
            .reason = detail::text_if(s, 13),
            .created_at = sql::time_at(s, 14)};
}

AttemptRow read_attempt(const sql::Statement& s) {
    const std::int64_t place = s.integer(0) % detail::attempt_keys;
    const auto status = sql::integer_if(s, 4);
    AttemptRow row;
    row.n = static_cast<std::uint32_t>(place / 2);
    row.skip = place % 2 == 1;
    row.started_at = sql::time_at(s, 1);
    row.took = std::chrono::microseconds{s.integer(2)};
    row.outcome = static_cast<int>(s.integer(3));
    if (status) row.status = static_cast<int>(*status);
    row.detail = sql::bytes_at(s, 5);
    return row;
}

enum class Kind : bool { attempt, skip };

std::int64_t attempt_key(std::int64_t delivery_no, std::uint32_t n, Kind kind) {
    INVARIANT(n <= attempt_number_max);
    return detail::attempts_begin(delivery_no) + std::int64_t{n} * 2 + (kind == Kind::skip ? 1 : 0);
}

Result<> insert_attempt(sql::Connection& db, std::int64_t delivery_no, const AttemptResult& a,
                        Kind kind) {
    return sql::run(db, attempt_insert, attempt_key(delivery_no, a.n, kind), a.started_at,
                    a.took.count(), a.outcome, a.status, a.detail);
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

Waiting waiting_of(const DeliveryRow& row) {
    return {row.no, row.destination_no, row.state, row.next_at};
}

/// Puts a delivery where it now waits, after its row was changed.
Result<> move(sql::Connection& db, const DeliveryRow& before, const Waiting& after) {
    CHECK(leave(db, waiting_of(before)));
    return enter(db, after);
}

bool matches(const sql::Statement& s, const DeliveryFilter& filter) {
    if (s.integer(4) != filter.workspace_no) return false;
    if (filter.event_seq && s.integer(2) != *filter.event_seq) return false;
    if (filter.destination_no && s.integer(3) != *filter.destination_no) return false;
    if (filter.state && detail::enum_at<DeliveryState>(s, 7) != *filter.state) return false;
    const Timestamp created = sql::time_at(s, 14);
    return !(filter.from && created < *filter.from) && !(filter.until && created >= *filter.until);
}

/// Lends the statement with the narrowest way in, bound and ready.
Result<sql::Statement*> walk(sql::Connection& db, const DeliveryFilter& filter,
                             const PageOptions& page, std::int64_t scanned_max) {
    const bool newest = page.order == Order::newest_first;
    const std::int64_t above = newest ? 0 : page.after;
    const std::int64_t below =
        newest ? detail::start_of(page) : std::numeric_limits<std::int64_t>::max();
    const bool by_state = filter.state && *filter.state != DeliveryState::delivered;
    const Both* queries = &list_of_workspace;
    std::int64_t key = filter.workspace_no;
    if (filter.event_seq) {
        queries = &list_of_event;
        key = *filter.event_seq;
    } else if (by_state) {
        queries = &list_of_state;
    } else if (filter.destination_no) {
        queries = &list_of_destination;
        key = *filter.destination_no;
    }
    TRY(sql::Statement* const statement, db.prepare(queries->in(page.order)));
    sql::bind_all(*statement, key, above, below, scanned_max);
    if (queries == &list_of_state) sql::bind(*statement, 5, *filter.state);
    return statement;
}

constexpr sql::Query attempt_next{
    "attempt.next", "SELECT key, started_ms FROM attempt WHERE key >= ?1 ORDER BY key LIMIT 1"};
constexpr sql::Query attempt_delete{"attempt.delete_old",
                                    "DELETE FROM attempt WHERE key >= ?1 AND key < ?2"};

}  // namespace

Result<std::optional<DeliveryRow>> find_delivery(sql::Connection& db, std::int64_t workspace_no,
                                                 const DeliveryId& id) {
    return sql::one(db, delivery_by_id, read_delivery, workspace_no, id);
}

Result<std::optional<DeliveryRow>> load_delivery(sql::Connection& db, std::int64_t no) {
    return sql::one(db, delivery_by_no, read_delivery, no);
}

Result<std::optional<DeliveryRow>> load_delivery_at(sql::Connection& db,
                                                    const DeliveryPlace& place) {
    return sql::one(db, delivery_at, read_delivery, place.event_seq, place.destination_no,
                    place.replay_no);
}

Result<Page<DeliveryRow>> list_deliveries(sql::Connection& db, const DeliveryFilter& filter,
                                          const PageOptions& page) {
    TRY(sql::Statement* const statement,
        walk(db, filter, page, static_cast<std::int64_t>(scan_rows_max)));
    sql::Use use{statement};
    const auto keep = [&](const sql::Statement& s) { return matches(s, filter); };
    return detail::scan(*use, detail::limit_of(page.limit), keep, read_delivery, scan_rows_max);
}

Result<Count> count_deliveries(sql::Connection& db, const DeliveryFilter& filter,
                               std::int64_t cap) {
    const std::int64_t scanned_max = cap * 10;
    TRY(sql::Statement* const statement, walk(db, filter, {}, scanned_max + 1));
    sql::Use use{statement};
    const auto keep = [&](const sql::Statement& s) { return matches(s, filter); };
    return detail::count(*use, cap, keep, scanned_max);
}

Result<std::vector<AttemptRow>> list_attempts(sql::Connection& db, std::int64_t delivery_no) {
    return sql::all(db, attempt_list, read_attempt, detail::attempts_begin(delivery_no),
                    detail::attempts_begin(delivery_no + 1));
}

Result<std::optional<std::int64_t>> insert_delivery(sql::Connection& db, const NewDelivery& row) {
    TRY(const Applied made,
        detail::change(db, delivery_insert, row.id, row.event_seq, row.destination_no,
                       row.workspace_no, row.replay_no, row.replay_of, row.state, 0, nullptr,
                       row.next_at, nullptr, text_or_null(row.reason), row.created_at));
    if (made == Applied::no) return std::nullopt;
    const std::int64_t no = db.last_insert_id();
    CHECK(enter(db, {no, row.destination_no, row.state, row.next_at}));
    return no;
}

Result<std::optional<std::int64_t>> record_first_attempt(sql::Connection& db,
                                                         const NewDelivery& row,
                                                         const AttemptResult& result) {
    INVARIANT(result.n == 1);
    TRY(const Applied made,
        detail::change(db, delivery_insert, row.id, row.event_seq, row.destination_no,
                       row.workspace_no, row.replay_no, row.replay_of, result.state, result.n,
                       result.started_at, result.next_at, text_or_null(result.reference),
                       text_or_null(result.reason), row.created_at));
    if (made == Applied::no) return std::nullopt;
    const std::int64_t no = db.last_insert_id();
    CHECK(insert_attempt(db, no, result, Kind::attempt));
    CHECK(enter(db, {no, row.destination_no, result.state, result.next_at}));
    return no;
}

Result<Applied> record_attempt(sql::Connection& db, std::int64_t delivery_no,
                               const AttemptResult& result) {
    TRY(const auto before, load_delivery(db, delivery_no));
    if (!before) return Applied::no;
    TRY(const Applied applied,
        detail::change(db, delivery_attempted, delivery_no, result.n, result.state,
                       result.started_at, result.next_at, text_or_null(result.reference),
                       text_or_null(result.reason)));
    if (applied == Applied::no) return Applied::no;
    CHECK(insert_attempt(db, delivery_no, result, Kind::attempt));
    CHECK(move(db, *before, {delivery_no, before->destination_no, result.state, result.next_at}));
    return Applied::yes;
}

Result<Applied> record_skip(sql::Connection& db, std::int64_t delivery_no,
                            const AttemptResult& skip) {
    TRY(const auto before, load_delivery(db, delivery_no));
    if (!before || before->attempts != skip.n) return Applied::no;
    TRY(const Applied applied, detail::change(db, delivery_moved, delivery_no, before->state,
                                              skip.state, skip.next_at, text_or_null(skip.reason)));
    if (applied == Applied::no) return Applied::no;
    CHECK(insert_attempt(db, delivery_no, skip, Kind::skip));
    CHECK(move(db, *before, {delivery_no, before->destination_no, skip.state, skip.next_at}));
    return Applied::yes;
}

Result<std::optional<Timestamp>> record_wait(sql::Connection& db, const CircuitWait& wait) {
    TRY(const auto before, load_delivery(db, wait.no));
    if (!before || !before->next_at) return std::nullopt;
    const Timestamp next = std::max(*before->next_at, wait.until);
    CHECK(sql::run(db, delivery_moved, wait.no, before->state, before->state, next,
                   text_or_null(wait.reason)));
    CHECK(sql::run(db, attempt_once, attempt_key(wait.no, before->attempts, Kind::skip), wait.at,
                   wait.outcome, as_bytes("{}")));
    CHECK(move(db, *before, {wait.no, before->destination_no, before->state, next}));
    return next;
}

Result<Applied> change_delivery(sql::Connection& db, const DeliveryChange& change) {
    TRY(const auto before, load_delivery(db, change.no));
    if (!before) return Applied::no;
    TRY(const Applied applied, detail::change(db, delivery_moved, change.no, change.from, change.to,
                                              change.next_at, text_or_null(change.reason)));
    if (applied == Applied::no) return Applied::no;
    CHECK(move(db, *before, {change.no, before->destination_no, change.to, change.next_at}));
    return Applied::yes;
}

Result<Chunk> delete_old_attempts(sql::Connection& db, const AttemptRetention& retention) {
    Chunk out{0, retention.after};
    // Numbers are given in order of time, so the first young attempt ends the walk.
    const Timestamp young = retention.before + detail::clock_slack;
    const auto read = [](const sql::Statement& s) {
        return std::pair{s.integer(0) / detail::attempt_keys, sql::time_at(s, 1)};
    };
    for (std::size_t looked_at = 0; looked_at < retention.limit; ++looked_at) {
        TRY(const auto found,
            sql::one(db, attempt_next, read, detail::attempts_begin(*out.next + 1)));
        if (!found || found->second >= young) {
            out.next.reset();
            return out;
        }
        const std::int64_t no = found->first;
        out.next = no;
        TRY(const auto row, load_delivery(db, no));
        const bool over = !row || (is_final(row->state) &&
                                   row->last_at.value_or(row->created_at) < retention.before);
        if (!over) continue;
        TRY(const std::int64_t deleted,
            detail::purge(db, attempt_delete, detail::attempts_begin(no),
                          detail::attempts_begin(no + 1)));
        out.deleted += deleted;
    }
    return out;
}

Result<> replace_attempt_detail(sql::Connection& db, std::int64_t delivery_no,
                                const AttemptRow& attempt) {
    const Kind kind = attempt.skip ? Kind::skip : Kind::attempt;
    return sql::run(db, attempt_replace, attempt_key(delivery_no, attempt.n, kind), attempt.detail);
}

Result<Applied> record_late_attempt(sql::Connection& db, std::int64_t delivery_no,
                                    const AttemptResult& result) {
    TRY(const Applied applied,
        detail::change(db, delivery_late, delivery_no, result.n, result.state, result.started_at,
                       text_or_null(result.reference)));
    if (applied == Applied::no) return Applied::no;
    CHECK(insert_attempt(db, delivery_no, result, Kind::attempt));
    return Applied::yes;
}

}  // namespace blotter::store
