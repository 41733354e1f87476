#include "store/tables/keys.hpp"

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::kept;
using detail::Text;

constexpr sql::Query key_insert{
    "data_key.insert",
    "INSERT INTO data_key (id, workspace_no, kek_id, wrapped, commitment, created_ms, retired_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr Text key_select{
    "SELECT id, workspace_no, kek_id, wrapped, commitment, created_ms, retired_ms FROM data_key "};
constexpr sql::Query key_list{
    "data_key.list",
    kept<key_select + "WHERE workspace_no = ?1 ORDER BY created_ms DESC LIMIT ?2">.chars};
// A scan of a small table, on an operator's order only.
constexpr sql::Query key_not_under{
    "data_key.not_under", kept<key_select + "WHERE kek_id <> ?1 ORDER BY id LIMIT ?2">.chars};
constexpr sql::Query key_rewrap{
    "data_key.rewrap",
    "UPDATE data_key SET kek_id = ?3, wrapped = ?4 WHERE id = ?1 AND kek_id = ?2"};

constexpr sql::Query subject_insert{
    "subject_key.insert",
    "INSERT INTO subject_key (subject, workspace_no, wrapped, created_ms, destroyed_ms) "
    "VALUES (?1, ?2, ?3, ?4, NULL) ON CONFLICT DO NOTHING"};
constexpr Text subject_select{
    "SELECT subject, workspace_no, wrapped, created_ms, destroyed_ms FROM subject_key "};
constexpr sql::Query subject_read{
    "subject_key.read", kept<subject_select + "WHERE subject = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query subject_destroy{
    "subject_key.destroy",
    "UPDATE subject_key SET wrapped = ?3, destroyed_ms = ?4 "
    "WHERE subject = ?2 AND workspace_no = ?1 AND destroyed_ms IS NULL"};

template <std::size_t N>
std::array<std::uint8_t, N> array_at(const sql::Statement& s, int column) {
    std::array<std::uint8_t, N> out{};
    const ByteView stored = s.blob(column);
    if (stored.size() == N) std::ranges::copy(stored, out.begin());
    return out;
}

DataKeyRow read_key(const sql::Statement& s) {
    return {.id = array_at<8>(s, 0),
            .workspace_no = s.integer(1),
            .kek_id = sql::string_at(s, 2),
            .wrapped = sql::bytes_at(s, 3),
            .commitment = sql::bytes_at(s, 4),
            .created_at = sql::time_at(s, 5),
            .retired_at = sql::time_if(s, 6)};
}

SubjectKeyRow read_subject(const sql::Statement& s) {
    return {.subject = array_at<16>(s, 0),
            .workspace_no = s.integer(1),
            .wrapped = sql::bytes_at(s, 2),
            .created_at = sql::time_at(s, 3),
            .destroyed_at = sql::time_if(s, 4)};
}

}  // namespace

Result<> insert_data_key(sql::Connection& db, const DataKeyRow& row) {
    return sql::run(db, key_insert, ByteView{row.id}, row.workspace_no, row.kek_id, row.wrapped,
                    row.commitment, row.created_at, row.retired_at);
}

Result<std::vector<DataKeyRow>> list_data_keys(sql::Connection& db, std::int64_t workspace_no) {
    return sql::all(db, key_list, read_key, workspace_no, detail::limit_of(data_keys_max));
}

Result<std::vector<DataKeyRow>> list_data_keys_not_under(sql::Connection& db,
                                                         std::string_view kek_id,
                                                         std::size_t limit) {
    return sql::all(db, key_not_under, read_key, kek_id, detail::limit_of(limit));
}

Result<Applied> rewrap_data_key(sql::Connection& db, const DataKeyId& id, const Rewrap& rewrap) {
    return detail::change(db, key_rewrap, ByteView{id}, rewrap.from_kek_id, rewrap.to_kek_id,
                          rewrap.wrapped);
}

Result<Applied> insert_subject_key(sql::Connection& db, const SubjectKeyRow& row) {
    return detail::change(db, subject_insert, ByteView{row.subject}, row.workspace_no, row.wrapped,
                          row.created_at);
}

Result<std::optional<SubjectKeyRow>> find_subject_key(sql::Connection& db,
                                                      std::int64_t workspace_no,
                                                      const Uuid& subject) {
    return sql::one(db, subject_read, read_subject, workspace_no, ByteView{subject});
}

Result<Applied> destroy_subject_key(sql::Connection& db, std::int64_t workspace_no,
                                    const Uuid& subject, Timestamp at) {
    TRY(const auto row, find_subject_key(db, workspace_no, subject));
    if (!row) return Applied::no;
    CHECK(db.overwrite_deleted());
    // As many zeros as there were bytes: the row keeps its size, so that its place is overwritten.
    const Bytes zeros(row->wrapped.size(), 0);
    return detail::change(db, subject_destroy, workspace_no, ByteView{subject}, zeros, at);
}

}  // namespace blotter::store
