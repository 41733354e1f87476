#include "store/tables/events.hpp"

#include <algorithm>

#include "store/tables/delivered.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/delivery_numbers.hpp"
#include "store/tables/detail.hpp"
#include "store/tables/packed.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::clock_slack;
using detail::kept;
using detail::Text;

static_assert(static_cast<int>(DeliveryState::delivered) == 5,
              "the statements take 5 for the first final state");

constexpr sql::Query event_insert{
    "event.insert",
    "INSERT INTO event (id, workspace_no, type, envelope_no, entities, occurred_ms, accepted_ms, "
    "request_hash, log_no, leaf, plan, document_no, order_key, payload) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"};
// The payload comes last: its pages are not touched unless it is read.
constexpr Text event_select{
    "SELECT seq, id, workspace_no, type, envelope_no, entities, occurred_ms, accepted_ms, "
    "request_hash, log_no, leaf, plan, document_no, order_key, payload FROM event "};
constexpr sql::Query event_by_id{"event.by_id",
                                 kept<event_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query event_by_seq{"event.by_seq", kept<event_select + "WHERE seq = ?1">.chars};
constexpr Both event_list{
    {"event.newest", kept<event_select +
                          "WHERE workspace_no = ?1 AND seq > ?2 AND seq < ?3 "
                          "ORDER BY seq DESC LIMIT ?4">.chars},
    {"event.oldest", kept<event_select +
                          "WHERE workspace_no = ?1 AND seq > ?2 AND seq < ?3 "
                          "ORDER BY seq LIMIT ?4">.chars}};
constexpr Both event_list_envelope{
    {"event.envelope_newest", kept<event_select +
                                   "WHERE envelope_no = ?1 AND seq > ?2 AND seq < ?3 "
                                   "ORDER BY seq DESC LIMIT ?4">.chars},
    {"event.envelope_oldest", kept<event_select +
                                   "WHERE envelope_no = ?1 AND seq > ?2 AND seq < ?3 "
                                   "ORDER BY seq LIMIT ?4">.chars}};
constexpr Both event_list_document{
    {"event.document_newest", kept<event_select +
                                   "WHERE document_no = ?1 AND seq > ?2 AND seq < ?3 "
                                   "ORDER BY seq DESC LIMIT ?4">.chars},
    {"event.document_oldest", kept<event_select +
                                   "WHERE document_no = ?1 AND seq > ?2 AND seq < ?3 "
                                   "ORDER BY seq LIMIT ?4">.chars}};
constexpr sql::Query event_last{"event.last", "SELECT seq FROM event ORDER BY seq DESC LIMIT 1"};
constexpr sql::Query event_probe{
    "event.probe", "SELECT seq, accepted_ms FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1"};

constexpr sql::Query leaf_find{
    "event_leaf.find",
    "SELECT log_no, leaf FROM event WHERE id = ?2 AND workspace_no = ?1 UNION ALL "
    "SELECT log_no, leaf FROM event_leaf WHERE id = ?2 AND workspace_no = ?1 LIMIT 1"};
constexpr sql::Query leaf_keep{
    "event_leaf.keep",
    "INSERT INTO event_leaf (id, workspace_no, log_no, leaf) "
    "SELECT id, workspace_no, log_no, leaf FROM event WHERE seq = ?1 "
    "ON CONFLICT (id) DO UPDATE SET workspace_no = excluded.workspace_no, "
    "log_no = excluded.log_no, leaf = excluded.leaf"};

constexpr sql::Query key_insert{"event_key.insert",
                                "INSERT INTO event_key (workspace_no, key, event_seq, "
                                "request_hash) VALUES (?1, ?2, ?3, ?4)"};
constexpr sql::Query key_read{
    "event_key.read",
    "SELECT event_seq, request_hash FROM event_key WHERE workspace_no = ?1 AND key = ?2"};

constexpr sql::Query key_purge{
    "event_key.purge",
    "DELETE FROM event_key WHERE (workspace_no, key) IN (SELECT workspace_no, key FROM event_key "
    "WHERE event_seq < ?1 ORDER BY event_seq LIMIT ?2)"};

constexpr sql::Query owed_events{
    "event.owed",
    kept<event_select + "WHERE seq > ?1 AND plan IS NOT NULL ORDER BY seq LIMIT ?2">.chars};
constexpr sql::Query owed_rows{"delivery.numbers_between",
                               "SELECT no FROM delivery WHERE no >= ?1 AND no < ?2 ORDER BY no"};
// Answered from the index alone.
constexpr sql::Query owed_rows_without_number{
    "delivery.planned_without_number",
    "SELECT destination_no FROM delivery "
    "WHERE event_seq = ?1 AND replay_no = -1 AND replay_no <> 0"};
static_assert(planned_without_number == -1);

// What went nowhere owes nothing, whether or not the watermark has come past it.
constexpr sql::Query old_events{
    "event.old",
    "SELECT seq, accepted_ms, "
    "CASE WHEN (seq > ?3 AND plan IS NOT NULL) "
    "OR seq = (SELECT max(seq) FROM event) THEN 1 ELSE 0 END "
    "FROM event WHERE workspace_no = ?1 AND seq > ?2 ORDER BY seq LIMIT ?4"};
constexpr sql::Query open_between{
    "delivery.open_between",
    "SELECT 1 FROM delivery WHERE no >= ?1 AND no < ?2 AND state < 5 LIMIT 1"};
constexpr sql::Query others_of_event{
    "delivery.others_of_event",
    "SELECT no, state FROM delivery WHERE event_seq = ?1 AND replay_no <> 0"};
constexpr sql::Query delete_attempts{"attempt.delete",
                                     "DELETE FROM attempt WHERE key >= ?1 AND key < ?2"};
constexpr sql::Query delete_planned{"delivery.delete_between",
                                    "DELETE FROM delivery WHERE no >= ?1 AND no < ?2"};
constexpr sql::Query delete_others{"delivery.delete_others",
                                   "DELETE FROM delivery WHERE event_seq = ?1 AND replay_no <> 0"};
constexpr sql::Query delete_renewals{"link_renewal.delete",
                                     "DELETE FROM link_renewal WHERE event_seq = ?1"};
// Of an event of its own; those of envelopes and documents go with these.
constexpr sql::Query delete_file_uses{
    "event.file_uses", "DELETE FROM file_use WHERE owner = (SELECT id FROM event WHERE seq = ?1)"};
constexpr sql::Query delete_accesses{"file_access.delete",
                                     "DELETE FROM file_access WHERE event_seq = ?1"};
/// What waits to be sent outlives the event that caused it.
constexpr sql::Query delete_slack_messages{
    "slack_message.delete",
    "DELETE FROM slack_message WHERE event_seq = ?1 AND state NOT IN (8, 9)"};
constexpr sql::Query delete_keys{"event_key.delete", "DELETE FROM event_key WHERE event_seq = ?1"};
constexpr sql::Query delete_own_key{
    "subject_key.delete_of_event",
    "DELETE FROM subject_key WHERE subject = (SELECT id FROM event WHERE seq = ?1)"};
constexpr sql::Query delete_event{"event.delete", "DELETE FROM event WHERE seq = ?1"};

Result<EventRow> read_event(const sql::Statement& s, Payload payload) {
    EventRow row;
    row.seq = s.integer(0);
    row.id = sql::id_at<EventId>(s, 1);
    row.workspace_no = s.integer(2);
    row.type = event_type_from_code(s.integer(3)).value_or(EventType::source_unknown);
    row.envelope_no = sql::integer_if(s, 4);
    if (!s.is_null(5)) {
        TRY(row.entity_nos, unpack_numbers(s.blob(5)));
    }
    row.occurred_at = sql::time_at(s, 6);
    row.accepted_at = sql::time_at(s, 7);
    if (!s.is_null(8)) row.request_hash = detail::digest_at(s, 8);
    row.log_no = s.integer(9);
    row.leaf = s.integer(10);
    if (!s.is_null(11)) {
        TRY(row.plan, unpack_plan(s.blob(11)));
    }
    row.document_no = sql::integer_if(s, 12);
    row.order_key = sql::integer_if(s, 13);
    if (payload == Payload::read) row.payload = sql::bytes_at(s, 14);
    return row;
}

/// At most one row of a bound query.
Result<std::optional<EventRow>> only_event(Result<std::optional<Result<EventRow>>> found) {
    if (!found) return pass(std::move(found).error());
    if (!*found) return std::nullopt;
    TRY(auto row, std::move(**found));
    return row;
}

bool matches(const sql::Statement& s, const EventFilter& filter) {
    if (filter.types) {
        const auto type = event_type_from_code(s.integer(3));
        if (!type || !filter.types->contains(*type)) return false;
    }
    if (filter.envelope_no && sql::integer_if(s, 4) != filter.envelope_no) return false;
    if (filter.document_no && sql::integer_if(s, 12) != filter.document_no) return false;
    // A list by envelope or document does not go through the workspace's index.
    if (s.integer(2) != filter.workspace_no) return false;
    const Timestamp accepted = sql::time_at(s, 7);
    if (filter.from && accepted < *filter.from) return false;
    if (filter.until && accepted >= *filter.until) return false;
    if (!filter.entity_no) return true;
    return !s.is_null(5) && packed_contains(s.blob(5), *filter.entity_no);
}

/// The first seq accepted at or after a time, one past the last if there is none: about thirty
/// look-ups by seq, instead of an index that every event would pay for.
Result<std::int64_t> seq_at(sql::Connection& db, Timestamp at) {
    TRY(const std::int64_t last, last_event_seq(db));
    std::int64_t low = 1;
    std::int64_t high = last + 1;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const auto read = [](const sql::Statement& s) {
            return std::pair{s.integer(0), sql::time_at(s, 1)};
        };
        TRY(const auto probe, sql::one(db, event_probe, read, middle));
        // Seqs have gaps where retention was at work: `probe` is the next one that is there.
        if (!probe || probe->second >= at)
            high = middle;
        else
            low = probe->first + 1;
    }
    return low;
}

/// The part of the seqs to look at, both ends excluded.
struct SeqRange {
    std::int64_t above = 0;
    std::int64_t below = std::numeric_limits<std::int64_t>::max();
};

Result<SeqRange> range_of(sql::Connection& db, const EventFilter& filter, const PageOptions& page) {
    SeqRange range;
    if (filter.from) {
        TRY(const std::int64_t first, seq_at(db, *filter.from - clock_slack));
        range.above = first - 1;
    }
    if (filter.until) {
        TRY(range.below, seq_at(db, *filter.until + clock_slack));
    }
    if (page.order == Order::oldest_first)
        range.above = std::max(range.above, page.after);
    else if (page.after != 0)
        range.below = std::min(range.below, page.after);
    return range;
}

/// Lends the statement that walks what a filter allows, bound and ready.
Result<sql::Statement*> walk(sql::Connection& db, const EventFilter& filter,
                             const PageOptions& page, std::int64_t scanned_max) {
    TRY(const SeqRange range, range_of(db, filter, page));
    const Both& queries = filter.envelope_no   ? event_list_envelope
                          : filter.document_no ? event_list_document
                                               : event_list;
    const std::int64_t owner =
        filter.envelope_no.value_or(filter.document_no.value_or(filter.workspace_no));
    TRY(sql::Statement* const statement, db.prepare(queries.in(page.order)));
    sql::bind_all(*statement, owner, range.above, range.below, scanned_max);
    return statement;
}

/// Takes out of `owed`, which is in order of number, what stands in a block.
Result<> erase_delivered(sql::Connection& db, std::vector<OwedDelivery>& owed) {
    std::optional<DeliveredBlock> block;
    std::uint64_t numbers = 0;
    std::vector<OwedDelivery> kept;
    for (const OwedDelivery& one : owed) {
        if (!block || one.no >= block->end()) {
            TRY(block, DeliveredBlock::load_of(db, one.no));
            TRY(numbers, block->numbers());
        }
        if ((numbers >> (one.no - block->begin()) & 1) == 0) kept.push_back(one);
    }
    owed = std::move(kept);
    return {};
}

/// Sent again, or planned before deliveries had numbers of their event.
struct OtherDelivery {
    std::int64_t no = 0;
    DeliveryState state = DeliveryState::queued;
};

/// What hangs on an event besides its row.
struct Hanging {
    std::optional<EventPlan> plan;
    std::vector<OtherDelivery> others;
};
Result<Hanging> find_hanging(sql::Connection& db, std::int64_t seq) {
    Hanging out;
    TRY(out.plan, load_plan(db, seq));
    if (out.plan && !out.plan->is_numbered()) out.plan.reset();
    const auto read = [](const sql::Statement& s) {
        return OtherDelivery{s.integer(0), detail::enum_at<DeliveryState>(s, 1)};
    };
    TRY(out.others, sql::all(db, others_of_event, read, seq));
    return out;
}

Result<bool> is_open(sql::Connection& db, const Hanging& hanging) {
    for (const OtherDelivery& one : hanging.others)
        if (!is_final(one.state)) return true;
    if (!hanging.plan) return false;
    TRY(const auto open, sql::one(db, open_between, detail::first_integer,
                                  hanging.plan->first_delivery, hanging.plan->end()));
    return open.has_value();
}

Result<> delete_with_everything(sql::Connection& db, std::int64_t seq, const Hanging& hanging) {
    for (const OtherDelivery& one : hanging.others)
        CHECK(sql::run(db, delete_attempts, detail::attempts_begin(one.no),
                       detail::attempts_begin(one.no + 1)));
    if (hanging.plan) {
        const EventPlan& plan = *hanging.plan;
        CHECK(sql::run(db, delete_attempts, detail::attempts_begin(plan.first_delivery),
                       detail::attempts_begin(plan.end())));
        CHECK(sql::run(db, delete_planned, plan.first_delivery, plan.end()));
        CHECK(delete_delivered(db, plan.first_delivery, plan.end()));
    }
    // A key of its own has only an event without an envelope or document.
    CHECK(sql::run(db, delete_own_key, seq));
    for (const sql::Query* query :
         {&delete_others, &delete_renewals, &delete_accesses, &delete_file_uses,
          &delete_slack_messages, &delete_keys, &leaf_keep, &delete_event})
        CHECK(sql::run(db, *query, seq));
    return {};
}

}  // namespace

Result<std::int64_t> insert_event(sql::Connection& db, const NewEvent& event) {
    Bytes entities;
    Bytes plan;
    pack_numbers(event.entity_nos, entities);
    pack_plan(event.first_delivery, event.plan, plan);
    const auto unless_empty = [](const Bytes& packed) {
        return packed.empty() ? std::optional<ByteView>{} : std::optional<ByteView>{packed};
    };
    return detail::insert(db, event_insert, event.id, event.workspace_no, event.type,
                          event.envelope_no, unless_empty(entities), event.occurred_at,
                          event.accepted_at, event.request_hash, event.log_no, event.leaf,
                          unless_empty(plan), event.document_no, event.order_key, event.payload);
}

Result<std::optional<EventRow>> find_event(sql::Connection& db, std::int64_t workspace_no,
                                           const EventId& id) {
    const auto read = [](const sql::Statement& s) { return read_event(s, Payload::read); };
    return only_event(sql::one(db, event_by_id, read, workspace_no, id));
}

Result<std::optional<EventRow>> load_event(sql::Connection& db, std::int64_t seq, Payload payload) {
    const auto read = [payload](const sql::Statement& s) { return read_event(s, payload); };
    return only_event(sql::one(db, event_by_seq, read, seq));
}

Result<std::optional<EventLeaf>> find_event_leaf(sql::Connection& db, std::int64_t workspace_no,
                                                 const EventId& id) {
    const auto read = [](const sql::Statement& s) { return EventLeaf{s.integer(0), s.integer(1)}; };
    return sql::one(db, leaf_find, read, workspace_no, id);
}

Result<Page<EventRow>> list_events(sql::Connection& db, const EventFilter& filter,
                                   const PageOptions& page, Payload payload) {
    TRY(sql::Statement* const statement,
        walk(db, filter, page, static_cast<std::int64_t>(scan_rows_max)));
    sql::Use use{statement};
    const auto keep = [&](const sql::Statement& s) { return matches(s, filter); };
    const auto read = [&](const sql::Statement& s) { return read_event(s, payload); };
    TRY(auto found, detail::scan(*use, detail::limit_of(page.limit), keep, read, scan_rows_max));
    Page<EventRow> out{{}, found.next};
    out.rows.reserve(found.rows.size());
    for (auto& row : found.rows) {
        TRY(auto event, std::move(row));
        out.rows.push_back(std::move(event));
    }
    return out;
}

Result<Count> count_events(sql::Connection& db, const EventFilter& filter, std::int64_t cap) {
    const std::int64_t scanned_max = cap * 10;
    TRY(sql::Statement* const statement, walk(db, filter, {}, scanned_max + 1));
    sql::Use use{statement};
    const auto keep = [&](const sql::Statement& s) { return matches(s, filter); };
    return detail::count(*use, cap, keep, scanned_max);
}

Result<std::int64_t> last_event_seq(sql::Connection& db) {
    TRY(const auto last, sql::one(db, event_last, detail::first_integer));
    return last.value_or(0);
}

Result<> insert_event_key(sql::Connection& db, const EventKey& key, const EventKeyRow& row) {
    return sql::run(db, key_insert, key.workspace_no, key.key, row.event_seq, row.request_hash);
}

Result<std::optional<EventKeyRow>> find_event_key(sql::Connection& db, const EventKey& key) {
    const auto read = [](const sql::Statement& s) {
        return EventKeyRow{s.integer(0), detail::digest_at(s, 1)};
    };
    return sql::one(db, key_read, read, key.workspace_no, key.key);
}

Result<std::int64_t> purge_event_keys(sql::Connection& db, Timestamp before, std::size_t limit) {
    TRY(const std::int64_t first_kept, seq_at(db, before));
    return detail::purge(db, key_purge, first_kept, limit);
}

Result<std::vector<OwedDelivery>> list_owed_of(sql::Connection& db, const EventRow& event) {
    const EventPlan& plan = event.plan;
    std::vector<OwedDelivery> out;
    out.reserve(plan.destination_nos.size());
    for (const std::int64_t destination_no : plan.destination_nos)
        out.push_back(
            {destination_no, plan.is_numbered() ? plan.first_delivery + std::ssize(out) : 0});
    if (plan.is_numbered()) {
        TRY(const auto there,
            sql::all(db, owed_rows, detail::first_integer, plan.first_delivery, plan.end()));
        std::erase_if(out, [&](const OwedDelivery& one) {
            return std::ranges::binary_search(there, one.no);
        });
        CHECK(erase_delivered(db, out));
    } else {
        TRY(const auto there,
            sql::all(db, owed_rows_without_number, detail::first_integer, event.seq));
        std::erase_if(out, [&](const OwedDelivery& one) {
            return std::ranges::find(there, one.destination_no) != there.end();
        });
    }
    return out;
}

Result<OwedSlice> list_owed(sql::Connection& db, std::int64_t after_seq, std::size_t limit) {
    const std::size_t rows_max = detail::limit_of(limit);
    const auto read = [](const sql::Statement& s) { return read_event(s, Payload::skip); };
    TRY(auto events, sql::all(db, owed_events, read, after_seq, rows_max));
    OwedSlice out{{}, after_seq, events.size() == rows_max};
    for (auto& row : events) {
        TRY(auto event, std::move(row));
        out.scanned_to = event.seq;
        TRY(auto owed, list_owed_of(db, event));
        if (!owed.empty()) out.events.push_back({std::move(event), std::move(owed)});
    }
    return out;
}

Result<Applied> advance_watermark(sql::Connection& db, std::int64_t seq) {
    return raise_meta_number(db, meta::first_attempt_watermark, seq);
}

Result<std::int64_t> read_watermark(sql::Connection& db) {
    return read_meta_number(db, meta::first_attempt_watermark);
}

Result<Chunk> delete_old_events(sql::Connection& db, const EventRetention& retention) {
    TRY(const std::int64_t watermark, read_watermark(db));
    const auto keep = [&](const sql::Statement& s) {
        return sql::time_at(s, 1) < retention.before && s.integer(2) == 0;
    };
    TRY(const auto old, detail::walk_old(db, {old_events, 1, retention.before, retention.limit},
                                         keep, detail::first_integer, retention.workspace_no,
                                         retention.after, watermark));
    Chunk out{0, old.next};
    for (const std::int64_t seq : old.rows) {
        TRY(const Hanging hanging, find_hanging(db, seq));
        TRY(const bool open, is_open(db, hanging));
        if (open) continue;
        CHECK(delete_with_everything(db, seq, hanging));
        ++out.deleted;
    }
    if (out.deleted > 0) CHECK(delete_emptied_blocks(db, retention.limit));
    return out;
}

}  // namespace blotter::store
