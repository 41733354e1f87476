#include "store/tables/access.hpp"

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

constexpr sql::Query key_insert{
    "api_key.insert",
    "INSERT INTO api_key (id, workspace_no, name, role, scopes, hash, created_ms, expires_ms, "
    "revoked_ms, last_used_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
constexpr Text key_select{
    "SELECT no, id, workspace_no, name, role, scopes, hash, created_ms, expires_ms, revoked_ms, "
    "last_used_ms FROM api_key "};
constexpr sql::Query key_by_id{"api_key.by_id", kept<key_select + "WHERE id = ?1">.chars};
constexpr sql::Query key_of_workspace{
    "api_key.of_workspace",
    kept<key_select + "WHERE id = ?2 AND workspace_no IS NOT DISTINCT FROM ?1">.chars};
constexpr Both key_list{
    {"api_key.newest", kept<key_select +
                            "WHERE workspace_no IS NOT DISTINCT FROM ?1 AND no < ?2 "
                            "ORDER BY no DESC LIMIT ?3">.chars},
    {"api_key.oldest", kept<key_select +
                            "WHERE workspace_no IS NOT DISTINCT FROM ?1 AND no > ?2 "
                            "ORDER BY no LIMIT ?3">.chars}};
constexpr sql::Query key_revoke{
    "api_key.revoke", "UPDATE api_key SET revoked_ms = ?2 WHERE no = ?1 AND revoked_ms IS NULL"};

constexpr sql::Query claim_insert{
    "idempotency.claim",
    "INSERT INTO idempotency (workspace_no, key_hash, request_hash, state, created_ms, status, "
    "headers, body) VALUES (?1, ?2, ?3, 1, ?4, 0, '', ?5) ON CONFLICT DO NOTHING"};
constexpr sql::Query claim_read{
    "idempotency.read",
    "SELECT request_hash, state, created_ms, status, headers, body FROM idempotency "
    "WHERE workspace_no = ?1 AND key_hash = ?2"};
constexpr sql::Query claim_finish{
    "idempotency.finish",
    "UPDATE idempotency SET state = 2, status = ?3, headers = ?4, body = ?5, subject = ?6 "
    "WHERE workspace_no = ?1 AND key_hash = ?2 AND state = 1"};
constexpr sql::Query claim_erase{
    "idempotency.erase",
    "UPDATE idempotency SET status = 410, body = ?2 WHERE subject = ?1 AND subject IS NOT NULL"};
constexpr sql::Query claim_purge{
    "idempotency.purge",
    "DELETE FROM idempotency WHERE (workspace_no, key_hash) IN (SELECT workspace_no, key_hash "
    "FROM idempotency WHERE created_ms < ?1 ORDER BY created_ms LIMIT ?2)"};

ApiKeyRow read_key(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<ApiKeyId>(s, 1),
            .workspace_no = sql::integer_if(s, 2),
            .name = sql::string_at(s, 3),
            .role = static_cast<int>(s.integer(4)),
            .scopes = sql::string_at(s, 5),
            .hash = sql::bytes_at(s, 6),
            .created_at = sql::time_at(s, 7),
            .expires_at = sql::time_if(s, 8),
            .revoked_at = sql::time_if(s, 9),
            .last_used_at = sql::time_if(s, 10)};
}

IdempotencyRow read_claim(const sql::Statement& s) {
    return {.request_hash = detail::digest_at(s, 0),
            .state = detail::enum_at<IdempotencyState>(s, 1),
            .created_at = sql::time_at(s, 2),
            .status = static_cast<int>(s.integer(3)),
            .headers = sql::string_at(s, 4),
            .body = sql::bytes_at(s, 5)};
}

}  // namespace

Result<std::int64_t> insert_api_key(sql::Connection& db, const ApiKeyRow& row) {
    return detail::insert(db, key_insert, row.id, row.workspace_no, row.name, row.role, row.scopes,
                          row.hash, row.created_at, row.expires_at, row.revoked_at,
                          row.last_used_at);
}

Result<std::optional<ApiKeyRow>> load_api_key(sql::Connection& db, const ApiKeyId& id) {
    return sql::one(db, key_by_id, read_key, id);
}

Result<std::optional<ApiKeyRow>> find_api_key(sql::Connection& db,
                                              std::optional<std::int64_t> workspace_no,
                                              const ApiKeyId& id) {
    return sql::one(db, key_of_workspace, read_key, workspace_no, id);
}

Result<Page<ApiKeyRow>> list_api_keys(sql::Connection& db, std::optional<std::int64_t> workspace_no,
                                      const PageOptions& page) {
    return detail::list(db, key_list, page, read_key, workspace_no);
}

Result<Applied> revoke_api_key(sql::Connection& db, std::int64_t no, Timestamp at) {
    return detail::change(db, key_revoke, no, at);
}

Result<std::optional<IdempotencyRow>> claim_idempotency(sql::Connection& db,
                                                        const IdempotencyKey& key,
                                                        const Digest& request_hash, Timestamp now) {
    TRY(const Applied claimed, detail::change(db, claim_insert, key.workspace_no, key.key_hash,
                                              request_hash, now, ByteView{}));
    if (claimed == Applied::yes) return std::nullopt;
    return sql::one(db, claim_read, read_claim, key.workspace_no, key.key_hash);
}

Result<Applied> finish_idempotency(sql::Connection& db, const IdempotencyKey& key,
                                   const IdempotentAnswer& answer) {
    const auto subject = answer.subject ? std::optional<ByteView>{*answer.subject} : std::nullopt;
    return detail::change(db, claim_finish, key.workspace_no, key.key_hash, answer.status,
                          answer.headers, answer.body, subject);
}

Result<> erase_idempotent_answers(sql::Connection& db, const Uuid& subject) {
    return sql::run(db, claim_erase, ByteView{subject}, ByteView{});
}

Result<std::int64_t> purge_idempotency(sql::Connection& db, Timestamp before, std::size_t limit) {
    return detail::purge(db, claim_purge, before, limit);
}

}  // namespace blotter::store
