#include "store/tables/alerts.hpp"

#include <fmt/format.h>

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

// 3 is resolved; below it an alert is unresolved and takes what comes again.
static_assert(static_cast<int>(AlertState::resolved) == 3);

constexpr sql::Query alert_raise{
    "alert.raise",
    "INSERT INTO alert (id, workspace_no, kind, subject, state, count, first_ms, last_ms, detail, "
    "acknowledged_by, resolved_by) VALUES (?1, ?2, ?3, ?4, 1, 1, ?5, ?5, ?6, '', '') "
    "ON CONFLICT (workspace_no, kind, subject) WHERE state < 3 DO UPDATE SET "
    "count = alert.count + 1, last_ms = excluded.last_ms, detail = excluded.detail "
    "RETURNING no, count"};
constexpr Text alert_select{
    "SELECT no, id, workspace_no, kind, subject, state, count, first_ms, last_ms, detail, "
    "acknowledged_by, acknowledged_ms, resolved_by, resolved_ms FROM alert "};
constexpr sql::Query alert_by_id{"alert.by_id",
                                 kept<alert_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr Both alert_list{
    {"alert.newest",
     kept<alert_select + "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"alert.oldest",
     kept<alert_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr Both alert_list_state{
    {"alert.state_newest", kept<alert_select +
                                "WHERE workspace_no = ?1 AND state = ?2 AND no < ?3 "
                                "ORDER BY no DESC LIMIT ?4">.chars},
    {"alert.state_oldest", kept<alert_select +
                                "WHERE workspace_no = ?1 AND state = ?2 AND no > ?3 "
                                "ORDER BY no LIMIT ?4">.chars}};
constexpr sql::Query alert_acknowledge{
    "alert.acknowledge",
    "UPDATE alert SET state = 2, acknowledged_by = ?3, acknowledged_ms = ?4 "
    "WHERE id = ?2 AND workspace_no = ?1 AND state = 1"};
constexpr sql::Query alert_resolve{"alert.resolve",
                                   "UPDATE alert SET state = 3, resolved_by = ?3, resolved_ms = ?4 "
                                   "WHERE id = ?2 AND workspace_no = ?1 AND state < 3"};
constexpr sql::Query alert_resolve_of{
    "alert.resolve_of",
    "UPDATE alert SET state = 3, resolved_by = ?4, resolved_ms = ?5 "
    "WHERE workspace_no = ?1 AND kind = ?2 AND subject = ?3 AND state < 3"};
// A scan of a bounded table, on an operator's order only.
constexpr sql::Query alert_erase{
    "alert.erase",
    "UPDATE alert SET detail = ?4 WHERE workspace_no = ?1 AND kind = ?2 AND detail LIKE ?3"};
constexpr sql::Query alert_purge{
    "alert.purge",
    "DELETE FROM alert WHERE no IN (SELECT no FROM alert "
    "WHERE resolved_ms IS NOT NULL AND resolved_ms < ?1 ORDER BY resolved_ms LIMIT ?2)"};

constexpr sql::Query quarantine_insert{
    "quarantine.insert",
    "INSERT INTO quarantine (id, workspace_no, received_ms, reason, payload, state, decided_by, "
    "decided_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
constexpr Text quarantine_select{
    "SELECT no, id, workspace_no, received_ms, reason, payload, state, decided_by, decided_ms "
    "FROM quarantine "};
constexpr sql::Query quarantine_by_id{
    "quarantine.by_id", kept<quarantine_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr Both quarantine_list{
    {"quarantine.newest",
     kept<quarantine_select +
          "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"quarantine.oldest",
     kept<quarantine_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr Both quarantine_list_state{
    {"quarantine.state_newest", kept<quarantine_select +
                                     "WHERE workspace_no = ?1 AND state = ?2 AND no < ?3 "
                                     "ORDER BY no DESC LIMIT ?4">.chars},
    {"quarantine.state_oldest", kept<quarantine_select +
                                     "WHERE workspace_no = ?1 AND state = ?2 AND no > ?3 "
                                     "ORDER BY no LIMIT ?4">.chars}};
constexpr sql::Query quarantine_walk{
    "quarantine.walk",
    "SELECT no, decided_ms, received_ms FROM quarantine WHERE no > ?1 ORDER BY no LIMIT ?2"};
constexpr sql::Query quarantine_delete{"quarantine.delete", "DELETE FROM quarantine WHERE no = ?1"};
constexpr sql::Query alert_count{"alert.unresolved_count",
                                 "SELECT no FROM alert WHERE state < 3 LIMIT ?1"};
constexpr sql::Query quarantine_subject{"quarantine.subject",
                                        "UPDATE quarantine SET subject = ?2 WHERE no = ?1"};
constexpr sql::Query quarantine_of_subject{
    "quarantine.of_subject",
    "SELECT id FROM quarantine WHERE subject = ?1 AND subject IS NOT NULL"};
constexpr sql::Query quarantine_erase{
    "quarantine.erase",
    "UPDATE quarantine SET payload = ?2, reason = '' WHERE subject = ?1 AND subject IS NOT NULL"};
constexpr sql::Query quarantine_decide{
    "quarantine.decide",
    "UPDATE quarantine SET state = ?3, decided_by = ?4, decided_ms = ?5 "
    "WHERE id = ?2 AND workspace_no = ?1 AND state = 1"};

AlertRow read_alert(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<AlertId>(s, 1),
            .workspace_no = s.integer(2),
            .kind = sql::string_at(s, 3),
            .subject = sql::string_at(s, 4),
            .state = detail::enum_at<AlertState>(s, 5),
            .count = s.integer(6),
            .first_at = sql::time_at(s, 7),
            .last_at = sql::time_at(s, 8),
            .detail = sql::string_at(s, 9),
            .acknowledged_by = sql::string_at(s, 10),
            .acknowledged_at = sql::time_if(s, 11),
            .resolved_by = sql::string_at(s, 12),
            .resolved_at = sql::time_if(s, 13)};
}

QuarantineRow read_quarantine(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<QuarantineId>(s, 1),
            .workspace_no = s.integer(2),
            .received_at = sql::time_at(s, 3),
            .reason = sql::string_at(s, 4),
            .payload = sql::bytes_at(s, 5),
            .state = detail::enum_at<QuarantineState>(s, 6),
            .decided_by = sql::string_at(s, 7),
            .decided_at = sql::time_if(s, 8)};
}

}  // namespace

Result<RaisedAlert> raise_alert(sql::Connection& db, const NewAlert& alert) {
    const auto read = [](const sql::Statement& s) {
        return RaisedAlert{s.integer(0), s.integer(1)};
    };
    TRY(const auto raised, sql::all(db, alert_raise, read, alert.id, alert.workspace_no, alert.kind,
                                    alert.subject, alert.at, alert.detail));
    if (raised.empty()) return fail(Errc::internal, "an alert was neither made nor folded");
    return raised.front();
}

Result<std::optional<AlertRow>> find_alert(sql::Connection& db, std::int64_t workspace_no,
                                           const AlertId& id) {
    return sql::one(db, alert_by_id, read_alert, workspace_no, id);
}

Result<Page<AlertRow>> list_alerts(sql::Connection& db, const AlertFilter& filter,
                                   const PageOptions& page) {
    if (!filter.state) return detail::list(db, alert_list, page, read_alert, filter.workspace_no);
    return detail::list(db, alert_list_state, page, read_alert, filter.workspace_no, *filter.state);
}

Result<Applied> acknowledge_alert(sql::Connection& db, const AlertDecision& decision) {
    return detail::change(db, alert_acknowledge, decision.workspace_no, decision.id, decision.by,
                          decision.at);
}

Result<Applied> resolve_alert(sql::Connection& db, const AlertDecision& decision) {
    return detail::change(db, alert_resolve, decision.workspace_no, decision.id, decision.by,
                          decision.at);
}

Result<Applied> resolve_alert_of(sql::Connection& db, const AlertCause& cause, std::string_view by,
                                 Timestamp at) {
    return detail::change(db, alert_resolve_of, cause.workspace_no, cause.kind, cause.subject, by,
                          at);
}

Result<> erase_alerts(sql::Connection& db, const AlertMention& mention) {
    return sql::run(db, alert_erase, mention.workspace_no, mention.kind,
                    fmt::format("%\"{}\"%", mention.id), R"({"erased":true})");
}

Result<std::int64_t> purge_alerts(sql::Connection& db, Timestamp resolved_before,
                                  std::size_t limit) {
    return detail::purge(db, alert_purge, resolved_before, limit);
}

Result<std::int64_t> insert_quarantine(sql::Connection& db, const QuarantineRow& row) {
    return detail::insert(db, quarantine_insert, row.id, row.workspace_no, row.received_at,
                          row.reason, row.payload, row.state, row.decided_by, row.decided_at);
}

Result<std::optional<QuarantineRow>> find_quarantine(sql::Connection& db, std::int64_t workspace_no,
                                                     const QuarantineId& id) {
    return sql::one(db, quarantine_by_id, read_quarantine, workspace_no, id);
}

Result<Page<QuarantineRow>> list_quarantine(sql::Connection& db, std::int64_t workspace_no,
                                            std::optional<QuarantineState> state,
                                            const PageOptions& page) {
    if (!state) return detail::list(db, quarantine_list, page, read_quarantine, workspace_no);
    return detail::list(db, quarantine_list_state, page, read_quarantine, workspace_no, *state);
}

Result<Applied> decide_quarantine(sql::Connection& db, const QuarantineDecision& decision) {
    return detail::change(db, quarantine_decide, decision.workspace_no, decision.id, decision.state,
                          decision.by, decision.at);
}

Result<Chunk> delete_old_quarantine(sql::Connection& db, const QuarantineRetention& retention) {
    const auto keep = [&](const sql::Statement& s) {
        const auto decided = sql::time_if(s, 1);
        return decided && *decided < retention.decided_before;
    };
    TRY(const auto old,
        detail::walk_old(db, {quarantine_walk, 2, retention.decided_before, retention.limit}, keep,
                         detail::first_integer, retention.after));
    for (const std::int64_t no : old.rows) CHECK(sql::run(db, quarantine_delete, no));
    return Chunk{static_cast<std::int64_t>(old.rows.size()), old.next};
}

Result<Count> count_unresolved_alerts(sql::Connection& db, std::int64_t cap) {
    return detail::count_rows(db, alert_count, cap);
}

Result<> set_quarantine_subject(sql::Connection& db, std::int64_t no, const Uuid& subject) {
    return sql::run(db, quarantine_subject, no, ByteView{subject});
}

Result<std::vector<QuarantineId>> list_quarantined_of(sql::Connection& db, const Uuid& subject) {
    return sql::all(
        db, quarantine_of_subject,
        [](const sql::Statement& s) { return sql::id_at<QuarantineId>(s, 0); }, ByteView{subject});
}

Result<> erase_quarantined(sql::Connection& db, const Uuid& subject) {
    return sql::run(db, quarantine_erase, ByteView{subject}, ByteView{});
}

}  // namespace blotter::store
