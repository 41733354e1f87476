#include "store/tables/attempts.hpp"

#include <algorithm>

#include "store/tables/attempt_forms.hpp"
#include "store/tables/delivered.hpp"
#include "store/tables/delivery_rows.hpp"
#include "store/tables/delivery_times.hpp"
#include "store/tables/detail.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

// 64 keys for a delivery, of which the third is its first attempt's, as if that were here.
constexpr sql::Query attempt_list{
    "attempt.list",
    "SELECT no * 64 + 2 AS key, first_ms, first_took_us, first_outcome, first_status, first_detail "
    "FROM delivery WHERE no = ?3 AND first_outcome IS NOT NULL "
    "UNION ALL SELECT key, started_ms, took_us, outcome, status, detail FROM attempt "
    "WHERE key >= ?1 AND key < ?2 ORDER BY 1 LIMIT 100"};
static_assert(detail::attempt_keys == 64);
constexpr sql::Query attempt_event{
    "attempt.event",
    "SELECT e.id FROM delivery d JOIN event e ON e.seq = d.event_seq "
    "WHERE d.no = ?1"};
constexpr sql::Query attempt_replace{"attempt.replace",
                                     "UPDATE attempt SET detail = ?2 WHERE key = ?1"};
constexpr sql::Query first_replace{
    "attempt.replace_first",
    "UPDATE delivery SET first_detail = ?2 WHERE no = ?1 AND first_outcome IS NOT NULL"};

// What retention looks at of a delivery: the last time at which anything happened to it.
constexpr sql::Query passed_between{
    "attempt.passed",
    "SELECT no, created_ms, COALESCE(last_ms, created_ms), state FROM delivery "
    "WHERE no > ?1 AND no < ?2 ORDER BY no"};
constexpr sql::Query kept_next{
    "attempt_kept.next",
    "SELECT k.delivery_no, d.created_ms, COALESCE(d.last_ms, d.created_ms), d.state "
    "FROM attempt_kept k LEFT JOIN delivery d ON d.no = k.delivery_no "
    "WHERE k.delivery_no > ?1 ORDER BY k.delivery_no LIMIT ?2"};
constexpr sql::Query kept_insert{
    "attempt_kept.insert",
    "INSERT INTO attempt_kept (delivery_no) VALUES (?1) ON CONFLICT DO NOTHING"};
constexpr sql::Query kept_delete{"attempt_kept.delete",
                                 "DELETE FROM attempt_kept WHERE delivery_no = ?1"};
constexpr sql::Query first_clear{
    "attempt.clear_first",
    "UPDATE delivery SET first_took_us = NULL, first_outcome = NULL, first_status = NULL, "
    "first_detail = NULL WHERE no = ?1 AND first_outcome IS NOT NULL"};
constexpr sql::Query attempt_delete{"attempt.delete_old",
                                    "DELETE FROM attempt WHERE key >= ?1 AND key < ?2"};

/// A form is noted once a day, and what is tried again is over after thirty.
constexpr Duration form_slack = std::chrono::days{32};

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

struct Passed {
    std::int64_t no = 0;
    Timestamp created_at;
    Timestamp last_at;
    bool gone = false;  ///< with its event
    bool final = false;
};
Passed read_passed(const sql::Statement& s) {
    const bool gone = s.is_null(3);
    return {s.integer(0), sql::time_at(s, 1), sql::time_at(s, 2), gone,
            !gone && is_final(detail::enum_at<DeliveryState>(s, 3))};
}

Result<std::int64_t> forget(sql::Connection& db, std::int64_t no) {
    TRY(const std::int64_t first, detail::purge(db, first_clear, no));
    TRY(const std::int64_t others, detail::purge(db, attempt_delete, detail::attempts_begin(no),
                                                 detail::attempts_begin(no + 1)));
    return first + others;
}

/// Where retention is on its way past the deliveries.
struct Walk {
    std::int64_t last = 0;   ///< come past so far
    std::size_t passed = 0;  ///< in this call
    std::int64_t deleted = 0;
    /// Numbers are given in order of time, and this one is young. One behind it that is older,
    /// because the clock was set back, is come past a little later.
    bool reached_young = false;
};

/// Rows before a number.
Result<> pass_rows(sql::Connection& db, Timestamp before, std::int64_t end, Walk& walk) {
    TRY(const auto rows, sql::all(db, passed_between, read_passed, walk.last, end));
    for (const Passed& row : rows) {
        walk.reached_young = row.created_at >= before;
        if (walk.reached_young) return {};
        if (row.final && row.last_at < before) {
            TRY(const std::int64_t forgotten, forget(db, row.no));
            walk.deleted += forgotten;
        } else {
            CHECK(sql::run(db, kept_insert, row.no));
        }
        walk.last = row.no;
        ++walk.passed;
    }
    return {};
}

/// The next numbers of which any is there, as many as a block has.
Result<> pass_block(sql::Connection& db, Timestamp before, std::int64_t next, Walk& walk) {
    TRY(auto block, DeliveredBlock::load_of(db, next));
    TRY(auto deliveries, block.deliveries());
    bool changed = false;
    for (Delivered& d : deliveries) {
        if (d.no <= walk.last) continue;
        CHECK(pass_rows(db, before, d.no, walk));
        // Its attempt began as soon as it was accepted, or nearly.
        walk.reached_young = walk.reached_young || d.created_at >= before || d.started_at >= before;
        if (walk.reached_young) break;
        if (d.attempt) {
            d.attempt.reset();
            changed = true;
            ++walk.deleted;
        }
        walk.last = d.no;
        ++walk.passed;
    }
    if (!walk.reached_young) CHECK(pass_rows(db, before, block.end(), walk));
    if (!changed) return {};
    block.set(deliveries);
    return block.save(db);
}

/// Goes on where the last call ended. Gives how many deliveries it came past.
Result<std::size_t> pass_old(sql::Connection& db, const AttemptRetention& retention,
                             std::int64_t& deleted) {
    Walk walk;
    TRY(walk.last, read_meta_number(db, meta::attempts_passed));
    while (walk.passed < retention.limit && !walk.reached_young) {
        TRY(const auto next, next_delivery_no(db, walk.last + 1));
        if (!next) break;
        CHECK(pass_block(db, retention.before, *next, walk));
    }
    if (walk.passed > 0) CHECK(raise_meta_number(db, meta::attempts_passed, walk.last));
    deleted += walk.deleted;
    return walk.passed;
}

/// The first attempt of one that stands in a block.
Result<std::vector<AttemptRow>> delivered_attempts(sql::Connection& db, std::int64_t delivery_no) {
    std::vector<AttemptRow> out;
    TRY(const auto block, DeliveredBlock::load_of(db, delivery_no));
    TRY(const auto found, block.find(delivery_no));
    if (!found || !found->attempt) return out;
    const DeliveredAttempt& attempt = *found->attempt;
    const auto read_id = [](const sql::Statement& s) { return sql::id_at<EventId>(s, 0); };
    TRY(const auto event, sql::one(db, detail::event_id_of, read_id, found->event_seq));
    TRY(auto detail,
        unpack_attempt(db, attempt.detail, {event.value_or(EventId{}), found->started_at}));
    out.push_back({.n = 1,
                   .started_at = found->started_at,
                   .took = attempt.took,
                   .outcome = attempt.outcome,
                   .status = attempt.status,
                   .detail = std::move(detail)});
    return out;
}

Result<> replace_delivered_detail(sql::Connection& db, std::int64_t delivery_no, ByteView detail) {
    TRY(auto block, DeliveredBlock::load_of(db, delivery_no));
    TRY(auto deliveries, block.deliveries());
    const auto found = std::ranges::find(deliveries, delivery_no, &Delivered::no);
    if (found == deliveries.end() || !found->attempt) return {};
    found->attempt->detail = detail;
    block.set(deliveries);
    return block.save(db);
}

}  // namespace

Result<std::vector<AttemptRow>> list_attempts(sql::Connection& db, std::int64_t delivery_no) {
    TRY(auto rows, sql::all(db, attempt_list, read_attempt, detail::attempts_begin(delivery_no),
                            detail::attempts_begin(delivery_no + 1), delivery_no));
    if (rows.empty()) return delivered_attempts(db, delivery_no);
    const auto read_id = [](const sql::Statement& s) { return sql::id_at<EventId>(s, 0); };
    TRY(const auto event, sql::one(db, attempt_event, read_id, delivery_no));
    for (AttemptRow& row : rows) {
        TRY(row.detail,
            unpack_attempt(db, row.detail, {event.value_or(EventId{}), row.started_at}));
    }
    return rows;
}

Result<> replace_attempt_detail(sql::Connection& db, std::int64_t delivery_no,
                                const AttemptRow& attempt) {
    if (attempt.skip)
        return sql::run(db, attempt_replace, detail::skip_key(delivery_no, attempt.n),
                        attempt.detail);
    if (attempt.n == 1) {
        TRY(const Applied in_row, detail::change(db, first_replace, delivery_no, attempt.detail));
        if (in_row == Applied::yes) return {};
        return replace_delivered_detail(db, delivery_no, attempt.detail);
    }
    return sql::run(db, attempt_replace, detail::attempt_key(delivery_no, attempt.n),
                    attempt.detail);
}

Result<Chunk> delete_old_attempts(sql::Connection& db, const AttemptRetention& retention) {
    Chunk out;
    TRY(const std::size_t passed, pass_old(db, retention, out.deleted));
    if (passed >= retention.limit) {
        out.next = retention.after;
        return out;
    }
    TRY(const auto rows,
        sql::all(db, kept_next, read_passed, retention.after, retention.limit - passed));
    for (const Passed& row : rows) {
        if (!row.gone && (!row.final || row.last_at >= retention.before)) continue;
        if (!row.gone) {
            TRY(const std::int64_t forgotten, forget(db, row.no));
            out.deleted += forgotten;
        }
        CHECK(sql::run(db, kept_delete, row.no));
    }
    if (rows.size() == retention.limit - passed) {
        out.next = rows.back().no;
        return out;
    }
    // All attempts of that time are gone but those of deliveries that were not over yet.
    CHECK(purge_attempt_forms(db, retention.before - form_slack, retention.limit));
    return out;
}

}  // namespace blotter::store
