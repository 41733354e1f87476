#include "store/tables/files.hpp"

#include <algorithm>

#include "store/tables/deliveries.hpp"
#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

constexpr sql::Query blob_insert{
    "blob.insert",
    "INSERT INTO blob (sha256, bytes, created_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"};
constexpr sql::Query blob_read{"blob.read", "SELECT bytes FROM blob WHERE sha256 = ?1"};
constexpr sql::Query blob_walk{
    "blob.walk",
    "SELECT sha256, bytes, created_ms, "
    "CASE WHEN EXISTS (SELECT 1 FROM file WHERE file.sha256 = blob.sha256) THEN 1 ELSE 0 END "
    "FROM blob WHERE sha256 > ?1 ORDER BY sha256 LIMIT ?2"};
constexpr sql::Query blob_delete{"blob.delete",
                                 "DELETE FROM blob WHERE sha256 = ?1 "
                                 "AND NOT EXISTS (SELECT 1 FROM file WHERE file.sha256 = ?1)"};

constexpr sql::Query file_insert{
    "file.insert",
    "INSERT INTO file (id, workspace_no, sha256, bytes, media_type, name, created_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr sql::Query file_by_id{
    "file.by_id",
    "SELECT no, id, workspace_no, sha256, bytes, media_type, name, created_ms FROM file "
    "WHERE id = ?2 AND workspace_no = ?1"};
constexpr sql::Query file_delete{"file.delete",
                                 "DELETE FROM file WHERE id = ?2 AND workspace_no = ?1"};

constexpr sql::Query use_insert{
    "file_use.insert",
    "INSERT INTO file_use (owner, file_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING"};
constexpr sql::Query use_list{"file_use.list", "SELECT file_id FROM file_use WHERE owner = ?1"};
constexpr sql::Query use_delete{"file_use.delete", "DELETE FROM file_use WHERE owner = ?1"};
constexpr sql::Query file_delete_unnamed{
    "file.delete_unnamed",
    "DELETE FROM file WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM file_use WHERE file_id = ?1)"};
constexpr sql::Query file_walk{
    "file.walk",
    "SELECT no, id, created_ms, "
    "CASE WHEN EXISTS (SELECT 1 FROM file_use WHERE file_use.file_id = file.id) THEN 1 ELSE 0 END "
    "FROM file WHERE no > ?1 ORDER BY no LIMIT ?2"};

constexpr sql::Query access_insert{
    "file_access.insert",
    "INSERT INTO file_access (at_ms, file_id, event_seq, destination_no, remote, status) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
constexpr Text access_select{
    "SELECT no, at_ms, file_id, event_seq, destination_no, remote, status FROM file_access "};
constexpr Both access_of_event{
    {"file_access.event_newest",
     kept<access_select + "WHERE event_seq = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"file_access.event_oldest",
     kept<access_select + "WHERE event_seq = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr Both access_of_file{
    {"file_access.file_newest",
     kept<access_select + "WHERE file_id = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"file_access.file_oldest",
     kept<access_select + "WHERE file_id = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr sql::Query access_purge{"file_access.purge",
                                  "DELETE FROM file_access WHERE at_ms < ?1 "
                                  "AND no IN (SELECT no FROM file_access ORDER BY no LIMIT ?2)"};

constexpr sql::Query renewal_write{
    "link_renewal.write",
    "INSERT INTO link_renewal (event_seq, destination_no, at_ms) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (event_seq, destination_no) DO UPDATE SET at_ms = excluded.at_ms "
    "WHERE excluded.at_ms > link_renewal.at_ms"};
constexpr sql::Query renewal_read{
    "link_renewal.read",
    "SELECT max(at_ms) FROM ("
    "SELECT at_ms FROM link_renewal WHERE event_seq = ?1 AND destination_no = ?2 "
    "UNION ALL "
    "SELECT last_ms FROM delivery "
    "WHERE event_seq = ?1 AND destination_no = ?2 AND replay_no <> 0) AS starts"};

FileRow read_file(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<FileId>(s, 1),
            .workspace_no = s.integer(2),
            .sha256 = detail::digest_at(s, 3),
            .bytes = s.integer(4),
            .media_type = sql::string_at(s, 5),
            .name = sql::bytes_at(s, 6),
            .created_at = sql::time_at(s, 7)};
}

FileAccessRow read_access(const sql::Statement& s) {
    return {.no = s.integer(0),
            .at = sql::time_at(s, 1),
            .file_id = sql::id_at<FileId>(s, 2),
            .event_seq = sql::integer_if(s, 3),
            .destination_no = sql::integer_if(s, 4),
            .remote = sql::string_at(s, 5),
            .status = static_cast<int>(s.integer(6))};
}

}  // namespace

Result<Applied> insert_blob(sql::Connection& db, const Digest& sha256, std::int64_t bytes,
                            Timestamp at) {
    return detail::change(db, blob_insert, sha256, bytes, at);
}

Result<std::optional<std::int64_t>> load_blob(sql::Connection& db, const Digest& sha256) {
    return sql::one(db, blob_read, detail::first_integer, sha256);
}

Result<std::int64_t> insert_file(sql::Connection& db, const FileRow& row) {
    return detail::insert(db, file_insert, row.id, row.workspace_no, row.sha256, row.bytes,
                          row.media_type, row.name, row.created_at);
}

Result<std::optional<FileRow>> find_file(sql::Connection& db, std::int64_t workspace_no,
                                         const FileId& id) {
    return sql::one(db, file_by_id, read_file, workspace_no, id);
}

Result<Applied> delete_file(sql::Connection& db, std::int64_t workspace_no, const FileId& id) {
    return detail::change(db, file_delete, workspace_no, id);
}

Result<> use_file(sql::Connection& db, const FileId& id, const Uuid& owner) {
    return sql::run(db, use_insert, ByteView{owner}, id);
}

Result<std::int64_t> delete_files_of(sql::Connection& db, const Uuid& owner) {
    const auto read = [](const sql::Statement& s) { return sql::id_at<FileId>(s, 0); };
    TRY(const auto files, sql::all(db, use_list, read, ByteView{owner}));
    CHECK(sql::run(db, use_delete, ByteView{owner}));
    std::int64_t deleted = 0;
    for (const FileId& file : files) {
        TRY(const std::int64_t gone, detail::purge(db, file_delete_unnamed, file));
        deleted += gone;
    }
    return deleted;
}

Result<Chunk> delete_unnamed_files(sql::Connection& db, const FileRetention& retention) {
    const auto keep = [&](const sql::Statement& s) {
        return sql::time_at(s, 2) < retention.before && s.integer(3) == 0;
    };
    const auto read = [](const sql::Statement& s) { return sql::id_at<FileId>(s, 1); };
    TRY(const auto old, detail::walk_old(db, {file_walk, 2, retention.before, retention.limit},
                                         keep, read, retention.after));
    for (const FileId& file : old.rows) CHECK(sql::run(db, file_delete_unnamed, file));
    return Chunk{static_cast<std::int64_t>(old.rows.size()), old.next};
}

Result<UnusedBlobs> list_unused_blobs(sql::Connection& db, Timestamp before,
                                      const std::optional<Digest>& after, std::size_t limit) {
    const std::size_t rows_max = detail::limit_of(limit);
    TRY(sql::Statement* const prepared, db.prepare(blob_walk));
    sql::Use use{prepared};
    // An empty value comes before every digest.
    sql::bind_all(*use, after ? ByteView{*after} : ByteView{}, rows_max);
    UnusedBlobs out;
    for (std::size_t seen = 0; seen < rows_max; ++seen) {
        TRY(const bool found, use->step());
        if (!found) {
            out.next.reset();
            return out;
        }
        const BlobRow row{detail::digest_at(*use, 0), use->integer(1), sql::time_at(*use, 2)};
        out.next = row.sha256;
        const bool named = use->integer(3) != 0;
        if (!named && row.created_at < before) out.rows.push_back(row);
    }
    return out;
}

Result<Applied> delete_unused_blob(sql::Connection& db, const Digest& sha256) {
    return detail::change(db, blob_delete, sha256);
}

Result<> insert_file_access(sql::Connection& db, const FileAccessRow& row) {
    return sql::run(db, access_insert, row.at, row.file_id, row.event_seq, row.destination_no,
                    row.remote, row.status);
}

Result<Page<FileAccessRow>> list_file_access_of_event(sql::Connection& db, std::int64_t event_seq,
                                                      const PageOptions& page) {
    return detail::list(db, access_of_event, page, read_access, event_seq);
}

Result<Page<FileAccessRow>> list_file_access_of_file(sql::Connection& db, const FileId& file_id,
                                                     const PageOptions& page) {
    return detail::list(db, access_of_file, page, read_access, file_id);
}

Result<std::int64_t> purge_file_access(sql::Connection& db, Timestamp before, std::size_t limit) {
    return detail::purge(db, access_purge, before, limit);
}

Result<> renew_link(sql::Connection& db, std::int64_t event_seq, std::int64_t destination_no,
                    Timestamp at) {
    return sql::run(db, renewal_write, event_seq, destination_no, at);
}

Result<std::optional<Timestamp>> load_link_start(sql::Connection& db, std::int64_t event_seq,
                                                 std::int64_t destination_no) {
    TRY(const auto start,
        sql::one(
            db, renewal_read, [](const sql::Statement& s) { return sql::time_if(s, 0); }, event_seq,
            destination_no));
    TRY(const auto planned, load_delivery_at(db, {event_seq, destination_no, 0}));
    const auto last = planned ? planned->last_at : std::nullopt;
    return std::max(start.value_or(std::nullopt), last);
}

}  // namespace blotter::store
