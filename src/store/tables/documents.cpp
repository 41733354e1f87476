#include "store/tables/documents.hpp"

#include <algorithm>

#include "store/tables/detail.hpp"
#include "store/tables/files.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

static_assert(static_cast<int>(DocumentState::sending) == 3,
              "the statements and an index take 3 for sending");
static_assert(static_cast<int>(DocumentState::draft) == 1, "document.delete takes 1 for a draft");
static_assert(static_cast<int>(DocumentState::sent) == 5, "document.old takes 5 for sent");

constexpr sql::Query document_insert{
    "document.insert",
    "INSERT INTO accounting_document (id, workspace_no, entity_no, state, supplier, created_ms, "
    "updated_ms, version, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
constexpr Text document_select{
    "SELECT no, id, workspace_no, entity_no, state, supplier, created_ms, updated_ms, "
    "validated_ms, sent_ms, started_ms, due_ms, process, version, document "
    "FROM accounting_document "};
constexpr sql::Query document_by_id{
    "document.by_id", kept<document_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query document_anywhere{"document.anywhere",
                                       kept<document_select + "WHERE id = ?1">.chars};
constexpr sql::Query document_update{
    "document.update",
    "UPDATE accounting_document SET state = ?3, supplier = ?4, updated_ms = ?5, "
    "validated_ms = ?6, sent_ms = ?7, started_ms = ?8, due_ms = ?9, process = ?10, "
    "document = ?11, version = version + 1 WHERE no = ?1 AND version = ?2"};
constexpr sql::Query document_id{"document.id_by_no",
                                 "SELECT id FROM accounting_document WHERE no = ?1"};
constexpr sql::Query document_delete{
    "document.delete",
    "DELETE FROM accounting_document WHERE no = ?1 AND state = 1 "
    "AND NOT EXISTS (SELECT 1 FROM event WHERE event.document_no = ?1)"};
constexpr sql::Query document_erase{
    "document.erase",
    "UPDATE accounting_document SET supplier = NULL, due_ms = NULL, document = ?2, "
    "updated_ms = ?3, version = version + 1 WHERE no = ?1"};
// What was erased has an empty document.
constexpr sql::Query document_old{
    "document.old",
    "SELECT no, id, updated_ms, created_ms, "
    "CASE WHEN (state = 5 OR length(document) = 0) AND NOT EXISTS "
    "(SELECT 1 FROM event WHERE event.document_no = accounting_document.no) "
    "THEN 1 ELSE 0 END FROM accounting_document "
    "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3"};
constexpr sql::Query document_remove{"document.remove",
                                     "DELETE FROM accounting_document WHERE no = ?1"};
constexpr sql::Query document_forget_key{"subject_key.delete_of_document",
                                         "DELETE FROM subject_key WHERE subject = ?1"};
constexpr sql::Query sends_delete{"document_send.delete",
                                  "DELETE FROM accounting_send WHERE document_no = ?1"};

constexpr Both document_list{
    {"document.newest",
     kept<document_select + "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"document.oldest",
     kept<document_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr Both document_list_state{
    {"document.state_newest", kept<document_select +
                                   "WHERE workspace_no = ?1 AND state = ?4 AND no < ?2 "
                                   "ORDER BY no DESC LIMIT ?3">.chars},
    {"document.state_oldest", kept<document_select +
                                   "WHERE workspace_no = ?1 AND state = ?4 AND no > ?2 "
                                   "ORDER BY no LIMIT ?3">.chars}};
// The workspace is compared again (without the index) so that an entity of another one gives
// nothing.
constexpr Both document_list_entity{
    {"document.entity_newest", kept<document_select +
                                    "WHERE +workspace_no = ?1 AND entity_no = ?4 AND no < ?2 "
                                    "ORDER BY no DESC LIMIT ?3">.chars},
    {"document.entity_oldest", kept<document_select +
                                    "WHERE +workspace_no = ?1 AND entity_no = ?4 AND no > ?2 "
                                    "ORDER BY no LIMIT ?3">.chars}};

constexpr sql::Query document_due{
    "document.due",
    "SELECT no, workspace_no, id FROM accounting_document "
    "WHERE due_ms IS NOT NULL AND due_ms <= ?1 ORDER BY due_ms, no LIMIT ?2"};
constexpr sql::Query document_lost{
    "document.lost",
    "SELECT no, workspace_no, id FROM accounting_document "
    "WHERE state = 3 AND (process <> ?1 OR started_ms < ?2) ORDER BY no LIMIT ?3"};
constexpr sql::Query document_next_due{
    "document.next_due",
    "SELECT due_ms FROM accounting_document WHERE due_ms IS NOT NULL ORDER BY due_ms, no LIMIT 1"};
constexpr sql::Query document_oldest_send{
    "document.oldest_send",
    "SELECT MIN(started_ms) FROM accounting_document WHERE state = 3 "
    "HAVING MIN(started_ms) IS NOT NULL"};

constexpr sql::Query send_insert{
    "document_send.insert",
    "INSERT INTO accounting_send (document_no, n, started_ms, took_us, outcome, status, detail) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr sql::Query send_list{
    "document_send.list",
    "SELECT document_no, n, started_ms, took_us, outcome, status, detail FROM accounting_send "
    "WHERE document_no = ?1 ORDER BY n DESC LIMIT ?2"};

DocumentRow read_document(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<DocumentId>(s, 1),
            .workspace_no = s.integer(2),
            .entity_no = s.integer(3),
            .state = detail::enum_at<DocumentState>(s, 4),
            .supplier = detail::text_if(s, 5),
            .created_at = sql::time_at(s, 6),
            .updated_at = sql::time_at(s, 7),
            .validated_at = sql::time_if(s, 8),
            .sent_at = sql::time_if(s, 9),
            .started_at = sql::time_if(s, 10),
            .due_at = sql::time_if(s, 11),
            .process = sql::integer_if(s, 12),
            .version = s.integer(13),
            .document = sql::bytes_at(s, 14)};
}

DocumentPlace read_place(const sql::Statement& s) {
    return {s.integer(0), s.integer(1), sql::id_at<DocumentId>(s, 2)};
}

SendRow read_send(const sql::Statement& s) {
    SendRow out;
    out.document_no = s.integer(0);
    out.n = static_cast<std::uint32_t>(s.integer(1));
    out.started_at = sql::time_at(s, 2);
    out.took = std::chrono::microseconds{s.integer(3)};
    out.outcome = sql::string_at(s, 4);
    if (!s.is_null(5)) out.status = static_cast<int>(s.integer(5));
    out.detail = sql::bytes_at(s, 6);
    return out;
}

bool is_wanted(const sql::Statement& s, const DocumentFilter& filter) {
    const Timestamp created = sql::time_at(s, 6);
    return (!filter.state || detail::enum_at<DocumentState>(s, 4) == *filter.state) &&
           (filter.supplier.empty() || s.text(5) == filter.supplier) &&
           (!filter.created_from || created >= *filter.created_from) &&
           (!filter.created_before || created < *filter.created_before);
}

Result<> delete_what_hangs_on(sql::Connection& db, std::int64_t no, const DocumentId& id) {
    CHECK(sql::run(db, sends_delete, no));
    CHECK(delete_files_of(db, id.value));
    return sql::run(db, document_forget_key, ByteView{id.value});
}

}  // namespace

Result<std::int64_t> insert_document(sql::Connection& db, const DocumentRow& row) {
    return detail::insert(db, document_insert, row.id, row.workspace_no, row.entity_no, row.state,
                          detail::text_or_null(row.supplier), row.created_at, row.updated_at,
                          row.version, row.document);
}

Result<std::optional<DocumentRow>> find_document(sql::Connection& db, std::int64_t workspace_no,
                                                 const DocumentId& id) {
    return sql::one(db, document_by_id, read_document, workspace_no, id);
}

Result<std::optional<DocumentRow>> find_document_anywhere(sql::Connection& db,
                                                          const DocumentId& id) {
    return sql::one(db, document_anywhere, read_document, id);
}

Result<Applied> update_document(sql::Connection& db, const DocumentRow& row) {
    return detail::change(db, document_update, row.no, row.version, row.state,
                          detail::text_or_null(row.supplier), row.updated_at, row.validated_at,
                          row.sent_at, row.started_at, row.due_at, row.process, row.document);
}

Result<std::optional<DocumentId>> load_document_id(sql::Connection& db, std::int64_t no) {
    return sql::one(
        db, document_id, [](const sql::Statement& s) { return sql::id_at<DocumentId>(s, 0); }, no);
}

Result<Applied> delete_document(sql::Connection& db, std::int64_t no, const DocumentId& id) {
    TRY(const Applied deleted, detail::change(db, document_delete, no));
    if (deleted == Applied::yes) CHECK(delete_what_hangs_on(db, no, id));
    return deleted;
}

Result<> erase_document(sql::Connection& db, std::int64_t no, Timestamp at) {
    return sql::run(db, document_erase, no, ByteView{}, at);
}

Result<Chunk> delete_old_documents(sql::Connection& db, const DocumentRetention& retention) {
    const auto keep = [&](const sql::Statement& s) {
        return s.integer(4) != 0 && sql::time_at(s, 2) < retention.before;
    };
    const auto read = [](const sql::Statement& s) {
        return std::pair{s.integer(0), sql::id_at<DocumentId>(s, 1)};
    };
    TRY(const auto old, detail::walk_old(db, {document_old, 3, retention.before, retention.limit},
                                         keep, read, retention.workspace_no, retention.after));
    for (const auto& [no, id] : old.rows) {
        CHECK(sql::run(db, document_remove, no));
        CHECK(delete_what_hangs_on(db, no, id));
    }
    return Chunk{static_cast<std::int64_t>(old.rows.size()), old.next};
}

Result<Page<DocumentRow>> list_documents(sql::Connection& db, const DocumentFilter& filter,
                                         const PageOptions& page) {
    const bool by_entity = filter.entity_no.has_value();
    const bool by_state = !by_entity && filter.state;
    const Both& queries =
        by_entity ? document_list_entity : (by_state ? document_list_state : document_list);
    TRY(sql::Statement* const prepared, db.prepare(queries.in(page.order)));
    sql::Use use{prepared};
    sql::bind_all(*use, filter.workspace_no, detail::start_of(page), scan_rows_max);
    if (by_entity) sql::bind(*use, 4, *filter.entity_no);
    if (by_state) sql::bind(*use, 4, *filter.state);
    const auto keep = [&](const sql::Statement& s) { return is_wanted(s, filter); };
    return detail::scan(*use, detail::limit_of(page.limit), keep, read_document, scan_rows_max);
}

Result<std::vector<DocumentPlace>> list_due_documents(sql::Connection& db, Timestamp until,
                                                      std::size_t limit) {
    return sql::all(db, document_due, read_place, until, detail::limit_of(limit));
}

Result<std::vector<DocumentPlace>> list_lost_documents(sql::Connection& db, const LostSends& lost,
                                                       std::size_t limit) {
    return sql::all(db, document_lost, read_place, lost.process, lost.before,
                    detail::limit_of(limit));
}

Result<std::optional<Timestamp>> next_document_work(sql::Connection& db, Duration send_time_max) {
    const auto read = [](const sql::Statement& s) { return sql::time_at(s, 0); };
    TRY(const auto due, sql::one(db, document_next_due, read));
    TRY(const auto begun, sql::one(db, document_oldest_send, read));
    if (!begun) return due;
    // Strictly older than that is lost.
    const Timestamp lost = *begun + send_time_max + Duration{1};
    return due ? std::min(*due, lost) : lost;
}

Result<> insert_send(sql::Connection& db, const SendRow& row) {
    return sql::run(db, send_insert, row.document_no, std::int64_t{row.n}, row.started_at,
                    static_cast<std::int64_t>(row.took.count()), row.outcome, row.status,
                    row.detail);
}

Result<std::vector<SendRow>> list_sends(sql::Connection& db, std::int64_t document_no,
                                        std::size_t limit) {
    return sql::all(db, send_list, read_send, document_no, detail::limit_of(limit));
}

}  // namespace blotter::store
