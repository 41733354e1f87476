#include "store/tables/erasure.hpp"

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query erasure_insert{
    "erasure.insert",
    "INSERT INTO erasure (subject, workspace_no, at_ms, summary) VALUES (?1, ?2, ?3, ?4)"};
constexpr sql::Query erasure_read{
    "erasure.read",
    "SELECT workspace_no, at_ms, summary FROM erasure WHERE subject = ?2 AND workspace_no = ?1"};

constexpr sql::Query use_list{
    "erasure.files",
    "SELECT file_id, CASE WHEN EXISTS (SELECT 1 FROM file_use AS others "
    "WHERE others.file_id = file_use.file_id AND others.owner <> ?1) THEN 1 ELSE 0 END "
    "FROM file_use WHERE owner = ?1 ORDER BY file_id LIMIT ?2"};
constexpr sql::Query use_delete{"erasure.release_file",
                                "DELETE FROM file_use WHERE owner = ?1 AND file_id = ?2"};

constexpr sql::Query doomed_insert{
    "blob_doomed.insert", "INSERT INTO blob_doomed (sha256) VALUES (?1) ON CONFLICT DO NOTHING"};
constexpr sql::Query doomed_list{"blob_doomed.list",
                                 "SELECT sha256 FROM blob_doomed ORDER BY sha256 LIMIT ?1"};
constexpr sql::Query doomed_delete{"blob_doomed.delete",
                                   "DELETE FROM blob_doomed WHERE sha256 = ?1"};

}  // namespace

Result<> insert_erasure(sql::Connection& db, const ErasureRow& row) {
    return sql::run(db, erasure_insert, row.subject, row.workspace_no, row.at, row.summary);
}

Result<std::optional<ErasureRow>> find_erasure(sql::Connection& db, std::int64_t workspace_no,
                                               std::string_view subject) {
    return sql::one(
        db, erasure_read,
        [subject](const sql::Statement& s) {
            return ErasureRow{std::string{subject}, s.integer(0), sql::time_at(s, 1),
                              sql::string_at(s, 2)};
        },
        workspace_no, subject);
}

Result<std::vector<FileUse>> list_file_uses(sql::Connection& db, const Uuid& subject) {
    return sql::all(
        db, use_list,
        [](const sql::Statement& s) {
            return FileUse{sql::id_at<FileId>(s, 0), s.integer(1) != 0};
        },
        ByteView{subject}, page_rows_max);
}

Result<> delete_file_use(sql::Connection& db, const Uuid& subject, const FileId& file) {
    return sql::run(db, use_delete, ByteView{subject}, file);
}

Result<> doom_blob(sql::Connection& db, const Digest& sha256) {
    return sql::run(db, doomed_insert, sha256);
}

Result<std::vector<Digest>> list_doomed_blobs(sql::Connection& db, std::size_t limit) {
    return sql::all(
        db, doomed_list, [](const sql::Statement& s) { return detail::digest_at(s, 0); },
        detail::limit_of(limit));
}

Result<> forget_doomed_blob(sql::Connection& db, const Digest& sha256) {
    return sql::run(db, doomed_delete, sha256);
}

}  // namespace blotter::store
