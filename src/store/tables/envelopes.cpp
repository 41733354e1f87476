#include "store/tables/envelopes.hpp"

#include "store/tables/detail.hpp"
#include "store/tables/files.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

static_assert(static_cast<int>(EnvelopeState::completed) == 10,
              "the statements and an index take 10 for the first terminal state");

constexpr sql::Query envelope_insert{
    "envelope.insert",
    "INSERT INTO envelope (id, workspace_no, entity_no, state, created_ms, updated_ms, "
    "expires_ms, completed_ms, version, document) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
constexpr Text envelope_select{
    "SELECT no, id, workspace_no, entity_no, state, created_ms, updated_ms, expires_ms, "
    "completed_ms, version, document FROM envelope "};
constexpr sql::Query envelope_by_id{
    "envelope.by_id", kept<envelope_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query envelope_by_no{"envelope.by_no",
                                    kept<envelope_select + "WHERE no = ?1">.chars};
constexpr sql::Query envelope_no{"envelope.no",
                                 "SELECT no FROM envelope WHERE id = ?2 AND workspace_no = ?1"};
constexpr sql::Query envelope_update{
    "envelope.update",
    "UPDATE envelope SET entity_no = ?3, state = ?4, updated_ms = ?5, expires_ms = ?6, "
    "completed_ms = ?7, document = ?8, version = version + 1 WHERE no = ?1 AND version = ?2"};

constexpr Both envelope_list{
    {"envelope.newest",
     kept<envelope_select + "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"envelope.oldest",
     kept<envelope_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr Both envelope_list_state{
    {"envelope.state_newest", kept<envelope_select +
                                   "WHERE workspace_no = ?1 AND state = ?2 AND no < ?3 "
                                   "ORDER BY no DESC LIMIT ?4">.chars},
    {"envelope.state_oldest", kept<envelope_select +
                                   "WHERE workspace_no = ?1 AND state = ?2 AND no > ?3 "
                                   "ORDER BY no LIMIT ?4">.chars}};
// The workspace is compared again (without the index) so that an entity of another one gives
// nothing.
constexpr Both envelope_list_entity{
    {"envelope.entity_newest", kept<envelope_select +
                                    "WHERE +workspace_no = ?1 AND entity_no = ?2 AND no < ?3 "
                                    "ORDER BY no DESC LIMIT ?4">.chars},
    {"envelope.entity_oldest", kept<envelope_select +
                                    "WHERE +workspace_no = ?1 AND entity_no = ?2 AND no > ?3 "
                                    "ORDER BY no LIMIT ?4">.chars}};

constexpr sql::Query envelope_completed{
    "envelope.completed", kept<envelope_select +
                               "WHERE workspace_no = ?1 AND completed_ms IS NOT NULL "
                               "AND (completed_ms, no) > (?2, ?3) "
                               "ORDER BY completed_ms, no LIMIT ?4">.chars};
constexpr sql::Query envelope_expiring{
    "envelope.expiring",
    "SELECT no, workspace_no, id, expires_ms FROM envelope "
    "WHERE state < 10 AND expires_ms IS NOT NULL AND expires_ms <= ?1 "
    "AND (expires_ms, no) > (?2, ?3) ORDER BY expires_ms, no LIMIT ?4"};
constexpr sql::Query envelope_next_expiry{
    "envelope.next_expiry",
    "SELECT expires_ms FROM envelope WHERE state < 10 AND expires_ms IS NOT NULL "
    "AND (expires_ms, no) > (?1, ?2) ORDER BY expires_ms, no LIMIT 1"};
constexpr sql::Query envelope_old{
    "envelope.old",
    "SELECT no, state, updated_ms, id, created_ms, "
    "CASE WHEN EXISTS (SELECT 1 FROM event WHERE event.envelope_no = envelope.no) "
    "THEN 1 ELSE 0 END FROM envelope "
    "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3"};
constexpr sql::Query envelope_delete{"envelope.delete", "DELETE FROM envelope WHERE no = ?1"};
constexpr sql::Query envelope_forget_key{"subject_key.delete",
                                         "DELETE FROM subject_key WHERE subject = ?1"};

EnvelopeRow read_envelope(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<EnvelopeId>(s, 1),
            .workspace_no = s.integer(2),
            .entity_no = sql::integer_if(s, 3),
            .state = detail::enum_at<EnvelopeState>(s, 4),
            .created_at = sql::time_at(s, 5),
            .updated_at = sql::time_at(s, 6),
            .expires_at = sql::time_if(s, 7),
            .completed_at = sql::time_if(s, 8),
            .version = s.integer(9),
            .document = sql::bytes_at(s, 10)};
}

ExpiringEnvelope read_expiring(const sql::Statement& s) {
    return {.no = s.integer(0),
            .workspace_no = s.integer(1),
            .id = sql::id_at<EnvelopeId>(s, 2),
            .expires_at = sql::time_at(s, 3)};
}

}  // namespace

Result<std::int64_t> insert_envelope(sql::Connection& db, const EnvelopeRow& row) {
    return detail::insert(db, envelope_insert, row.id, row.workspace_no, row.entity_no, row.state,
                          row.created_at, row.updated_at, row.expires_at, row.completed_at,
                          row.version, row.document);
}

Result<std::optional<EnvelopeRow>> find_envelope(sql::Connection& db, std::int64_t workspace_no,
                                                 const EnvelopeId& id) {
    return sql::one(db, envelope_by_id, read_envelope, workspace_no, id);
}

Result<std::optional<EnvelopeRow>> load_envelope(sql::Connection& db, std::int64_t no) {
    return sql::one(db, envelope_by_no, read_envelope, no);
}

Result<std::optional<std::int64_t>> find_envelope_no(sql::Connection& db, std::int64_t workspace_no,
                                                     const EnvelopeId& id) {
    return sql::one(db, envelope_no, detail::first_integer, workspace_no, id);
}

Result<Applied> update_envelope(sql::Connection& db, const EnvelopeRow& row) {
    return detail::change(db, envelope_update, row.no, row.version, row.entity_no, row.state,
                          row.updated_at, row.expires_at, row.completed_at, row.document);
}

Result<Page<EnvelopeRow>> list_envelopes(sql::Connection& db, const EnvelopeFilter& filter,
                                         const PageOptions& page) {
    const bool by_entity = filter.entity_no.has_value();
    if (!by_entity && !filter.state)
        return detail::list(db, envelope_list, page, read_envelope, filter.workspace_no);
    if (!by_entity)
        return detail::list(db, envelope_list_state, page, read_envelope, filter.workspace_no,
                            *filter.state);
    TRY(sql::Statement* const prepared, db.prepare(envelope_list_entity.in(page.order)));
    sql::Use use{prepared};
    sql::bind_all(*use, filter.workspace_no, *filter.entity_no, detail::start_of(page),
                  scan_rows_max);
    const auto keep = [&](const sql::Statement& s) {
        return !filter.state || detail::enum_at<EnvelopeState>(s, 4) == *filter.state;
    };
    return detail::scan(*use, detail::limit_of(page.limit), keep, read_envelope, scan_rows_max);
}

Result<CompletedPage> list_completed_envelopes(sql::Connection& db, const CompletedFilter& filter,
                                               std::size_t limit) {
    TimePosition after = filter.after.value_or(TimePosition{});
    // Numbers begin at 1, so this is just before the first row at `since`.
    if (filter.since) after = std::max(after, TimePosition{*filter.since, 0});
    const std::size_t rows_max = detail::limit_of(limit);
    TRY(sql::Statement* const prepared, db.prepare(envelope_completed));
    sql::Use use{prepared};
    sql::bind_all(*use, filter.workspace_no, after.at, after.no, scan_rows_max);
    CompletedPage out;
    TimePosition position;
    for (std::size_t seen = 0; seen < scan_rows_max; ++seen) {
        TRY(const bool found, use->step());
        if (!found) return out;
        position = {sql::time_at(*use, 8), use->integer(0)};
        if (filter.entity_no && sql::integer_if(*use, 3) != filter.entity_no) continue;
        out.rows.push_back(read_envelope(*use));
        if (out.rows.size() == rows_max) break;
    }
    out.next = position;
    return out;
}

Result<std::vector<ExpiringEnvelope>> list_expiring_envelopes(sql::Connection& db, Timestamp until,
                                                              const TimePosition& after,
                                                              std::size_t limit) {
    return sql::all(db, envelope_expiring, read_expiring, until, after.at, after.no,
                    detail::limit_of(limit));
}

Result<std::optional<Timestamp>> next_envelope_expiry(sql::Connection& db,
                                                      const TimePosition& after) {
    const auto read = [](const sql::Statement& s) { return sql::time_at(s, 0); };
    return sql::one(db, envelope_next_expiry, read, after.at, after.no);
}

Result<Chunk> delete_old_envelopes(sql::Connection& db, const EnvelopeRetention& retention) {
    const auto keep = [&](const sql::Statement& s) {
        return is_terminal(detail::enum_at<EnvelopeState>(s, 1)) &&
               sql::time_at(s, 2) < retention.before && s.integer(5) == 0;
    };
    const auto read = [](const sql::Statement& s) {
        return std::pair{s.integer(0), sql::id_at<EnvelopeId>(s, 3)};
    };
    TRY(const auto old, detail::walk_old(db, {envelope_old, 4, retention.before, retention.limit},
                                         keep, read, retention.workspace_no, retention.after));
    for (const auto& [no, id] : old.rows) {
        CHECK(delete_files_of(db, id.value));
        CHECK(sql::run(db, envelope_forget_key, ByteView{id.value}));
        CHECK(sql::run(db, envelope_delete, no));
    }
    return Chunk{static_cast<std::int64_t>(old.rows.size()), old.next};
}

}  // namespace blotter::store
