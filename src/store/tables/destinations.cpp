#include "store/tables/destinations.hpp"

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

constexpr sql::Query destination_insert{
    "destination.insert",
    "INSERT INTO destination (id, workspace_no, entity_no, kind, name, state, state_reason, "
    "config, created_ms, updated_ms, version) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"};
constexpr Text destination_select{
    "SELECT no, id, workspace_no, entity_no, kind, name, state, state_reason, config, created_ms, "
    "updated_ms, version, deleted_ms FROM destination "};
constexpr sql::Query destination_by_id{
    "destination.by_id",
    kept<destination_select + "WHERE id = ?2 AND workspace_no = ?1 AND deleted_ms IS NULL">.chars};
constexpr sql::Query destination_ever{
    "destination.ever", kept<destination_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query destination_by_no{"destination.by_no",
                                       kept<destination_select + "WHERE no = ?1">.chars};
constexpr Both destination_list{
    {"destination.newest", kept<destination_select +
                                "WHERE workspace_no = ?1 AND deleted_ms IS NULL AND no < ?2 "
                                "ORDER BY no DESC LIMIT ?3">.chars},
    {"destination.oldest", kept<destination_select +
                                "WHERE workspace_no = ?1 AND deleted_ms IS NULL AND no > ?2 "
                                "ORDER BY no LIMIT ?3">.chars}};
constexpr sql::Query destination_every{
    "destination.every",
    kept<destination_select + "WHERE deleted_ms IS NULL AND no > ?1 ORDER BY no LIMIT ?2">.chars};
constexpr sql::Query destination_update{
    "destination.update",
    "UPDATE destination SET entity_no = ?3, name = ?4, state = ?5, state_reason = ?6, "
    "config = ?7, updated_ms = ?8, version = version + 1 "
    "WHERE no = ?1 AND version = ?2 AND deleted_ms IS NULL"};
constexpr sql::Query destination_state{
    "destination.state",
    "UPDATE destination SET state = ?2, state_reason = ?3, updated_ms = ?4, "
    "version = version + 1 WHERE no = ?1 AND state <> ?2 AND deleted_ms IS NULL"};
constexpr sql::Query destination_delete{
    "destination.delete",
    "UPDATE destination SET deleted_ms = ?2, updated_ms = ?2, version = version + 1 "
    "WHERE no = ?1 AND deleted_ms IS NULL"};

constexpr sql::Query secret_insert{
    "destination_secret.insert",
    "INSERT INTO destination_secret (destination_no, purpose, sealed, created_ms, expires_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr Text secret_select{
    "SELECT no, destination_no, purpose, sealed, created_ms, expires_ms FROM destination_secret "};
constexpr sql::Query secret_list{
    "destination_secret.list",
    kept<secret_select +
         "WHERE destination_no = ?1 AND (expires_ms IS NULL OR expires_ms > ?2) "
         "ORDER BY no DESC LIMIT 100">.chars};
constexpr sql::Query secret_expire{
    "destination_secret.expire",
    "UPDATE destination_secret SET expires_ms = ?4 WHERE destination_no = ?1 AND purpose = ?2 "
    "AND no <> ?3 AND (expires_ms IS NULL OR expires_ms > ?4)"};
constexpr sql::Query secret_delete{"destination_secret.delete",
                                   "DELETE FROM destination_secret WHERE no = ?1"};
constexpr sql::Query secret_delete_all{"destination_secret.delete_all",
                                       "DELETE FROM destination_secret WHERE destination_no = ?1"};
constexpr sql::Query secret_purge{
    "destination_secret.purge",
    "DELETE FROM destination_secret WHERE no IN (SELECT no FROM destination_secret "
    "WHERE expires_ms IS NOT NULL AND expires_ms < ?1 ORDER BY expires_ms LIMIT ?2)"};

DestinationRow read_destination(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<DestinationId>(s, 1),
            .workspace_no = s.integer(2),
            .entity_no = sql::integer_if(s, 3),
            .kind = sql::string_at(s, 4),
            .name = sql::string_at(s, 5),
            .state = detail::enum_at<DestinationState>(s, 6),
            .state_reason = sql::string_at(s, 7),
            .config = sql::string_at(s, 8),
            .created_at = sql::time_at(s, 9),
            .updated_at = sql::time_at(s, 10),
            .version = s.integer(11),
            .deleted_at = sql::time_if(s, 12)};
}

DestinationSecretRow read_secret(const sql::Statement& s) {
    return {.no = s.integer(0),
            .destination_no = s.integer(1),
            .purpose = sql::string_at(s, 2),
            .sealed = sql::bytes_at(s, 3),
            .created_at = sql::time_at(s, 4),
            .expires_at = sql::time_if(s, 5)};
}

}  // namespace

Result<std::int64_t> insert_destination(sql::Connection& db, const DestinationRow& row) {
    return detail::insert(db, destination_insert, row.id, row.workspace_no, row.entity_no, row.kind,
                          row.name, row.state, row.state_reason, row.config, row.created_at,
                          row.updated_at, row.version);
}

Result<std::optional<DestinationRow>> find_destination(sql::Connection& db,
                                                       std::int64_t workspace_no,
                                                       const DestinationId& id) {
    return sql::one(db, destination_by_id, read_destination, workspace_no, id);
}

Result<std::optional<DestinationRow>> find_any_destination(sql::Connection& db,
                                                           std::int64_t workspace_no,
                                                           const DestinationId& id) {
    return sql::one(db, destination_ever, read_destination, workspace_no, id);
}

Result<std::optional<DestinationRow>> load_destination(sql::Connection& db, std::int64_t no) {
    return sql::one(db, destination_by_no, read_destination, no);
}

Result<Page<DestinationRow>> list_destinations(sql::Connection& db, std::int64_t workspace_no,
                                               const PageOptions& page) {
    return detail::list(db, destination_list, page, read_destination, workspace_no);
}

Result<Page<DestinationRow>> list_all_destinations(sql::Connection& db, std::int64_t after,
                                                   std::size_t limit) {
    return detail::list_after(db, destination_every, {after, limit, Order::oldest_first},
                              read_destination);
}

Result<Applied> update_destination(sql::Connection& db, const DestinationRow& row) {
    return detail::change(db, destination_update, row.no, row.version, row.entity_no, row.name,
                          row.state, row.state_reason, row.config, row.updated_at);
}

Result<Applied> set_destination_state(sql::Connection& db, const DestinationStateChange& change) {
    return detail::change(db, destination_state, change.no, change.state, change.reason, change.at);
}

Result<Applied> delete_destination(sql::Connection& db, std::int64_t no, Timestamp at) {
    TRY(const Applied applied, detail::change(db, destination_delete, no, at));
    if (applied == Applied::no) return Applied::no;
    CHECK(db.overwrite_deleted());
    CHECK(sql::run(db, secret_delete_all, no));
    return Applied::yes;
}

Result<std::int64_t> insert_destination_secret(sql::Connection& db,
                                               const DestinationSecretRow& row) {
    return detail::insert(db, secret_insert, row.destination_no, row.purpose, row.sealed,
                          row.created_at, row.expires_at);
}

Result<std::vector<DestinationSecretRow>> list_destination_secrets(sql::Connection& db,
                                                                   std::int64_t destination_no,
                                                                   Timestamp now) {
    return sql::all(db, secret_list, read_secret, destination_no, now);
}

Result<> expire_destination_secrets(sql::Connection& db, const SecretExpiry& expiry) {
    return sql::run(db, secret_expire, expiry.destination_no, expiry.purpose, expiry.keep_no,
                    expiry.at);
}

Result<Applied> delete_destination_secret(sql::Connection& db, std::int64_t no) {
    CHECK(db.overwrite_deleted());
    return detail::change(db, secret_delete, no);
}

Result<std::int64_t> purge_destination_secrets(sql::Connection& db, Timestamp expired_before,
                                               std::size_t limit) {
    CHECK(db.overwrite_deleted());
    return detail::purge(db, secret_purge, expired_before, limit);
}

}  // namespace blotter::store
