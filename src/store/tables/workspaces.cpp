#include "store/tables/workspaces.hpp"

#include <array>

#include "base/invariant.hpp"
#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

constexpr sql::Query meta_read{"meta.read", "SELECT value FROM meta WHERE key = ?1"};
constexpr sql::Query meta_write{"meta.write",
                                "INSERT INTO meta (key, value) VALUES (?1, ?2) "
                                "ON CONFLICT (key) DO UPDATE SET value = excluded.value"};
constexpr sql::Query meta_write_once{
    "meta.write_once", "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING"};
// Eight bytes, big-endian: bytes compare as the numbers do, in both engines.
constexpr sql::Query meta_raise{
    "meta.raise",
    "INSERT INTO meta (key, value) VALUES (?1, ?2) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE excluded.value > meta.value"};

constexpr sql::Query workspace_insert{
    "workspace.insert",
    "INSERT INTO workspace (id, name, created_ms, settings) VALUES (?1, ?2, ?3, ?4)"};
constexpr Text workspace_select{"SELECT no, id, name, created_ms, settings FROM workspace "};
constexpr sql::Query workspace_by_id{"workspace.by_id",
                                     kept<workspace_select + "WHERE id = ?1">.chars};
constexpr sql::Query workspace_by_no{"workspace.by_no",
                                     kept<workspace_select + "WHERE no = ?1">.chars};
constexpr Both workspace_list{
    {"workspace.newest", kept<workspace_select + "WHERE no < ?1 ORDER BY no DESC LIMIT ?2">.chars},
    {"workspace.oldest", kept<workspace_select + "WHERE no > ?1 ORDER BY no LIMIT ?2">.chars}};
constexpr sql::Query workspace_update{
    "workspace.update", "UPDATE workspace SET name = ?2, settings = ?3 WHERE no = ?1"};

constexpr sql::Query entity_insert{
    "entity.insert",
    "INSERT INTO entity (id, workspace_no, reference, name, created_ms, settings) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
constexpr Text entity_select{
    "SELECT no, id, workspace_no, reference, name, created_ms, settings FROM entity "};
constexpr sql::Query entity_by_id{
    "entity.by_id", kept<entity_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query entity_by_no{"entity.by_no", kept<entity_select + "WHERE no = ?1">.chars};
constexpr Both entity_list{
    {"entity.newest",
     kept<entity_select + "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"entity.oldest",
     kept<entity_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr sql::Query entity_update{"entity.update",
                                   "UPDATE entity SET reference = ?3, name = ?4, settings = ?5 "
                                   "WHERE no = ?1 AND workspace_no = ?2"};

std::array<std::uint8_t, 8> big_endian(std::int64_t value) {
    std::array<std::uint8_t, 8> out{};
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (56 - 8 * i));
    return out;
}

WorkspaceRow read_workspace(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<WorkspaceId>(s, 1),
            .name = sql::string_at(s, 2),
            .created_at = sql::time_at(s, 3),
            .settings = sql::string_at(s, 4)};
}

EntityRow read_entity(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<EntityId>(s, 1),
            .workspace_no = s.integer(2),
            .reference = sql::string_at(s, 3),
            .name = sql::string_at(s, 4),
            .created_at = sql::time_at(s, 5),
            .settings = sql::string_at(s, 6)};
}

}  // namespace

Result<std::optional<Bytes>> read_meta(sql::Connection& db, std::string_view key) {
    return sql::one(
        db, meta_read, [](const sql::Statement& s) { return sql::bytes_at(s, 0); }, key);
}

Result<> write_meta(sql::Connection& db, std::string_view key, ByteView value) {
    return sql::run(db, meta_write, key, value);
}

Result<Applied> write_meta_once(sql::Connection& db, std::string_view key, ByteView value) {
    return detail::change(db, meta_write_once, key, value);
}

Result<std::int64_t> read_meta_number(sql::Connection& db, std::string_view key) {
    TRY(const auto stored, read_meta(db, key));
    if (!stored) return 0;
    if (stored->size() != 8)
        return fail(Errc::corrupt, "the stored number '" + std::string{key} + "' is damaged");
    std::uint64_t value = 0;
    for (const std::uint8_t byte : *stored) value = value << 8 | byte;
    return static_cast<std::int64_t>(value);
}

Result<Applied> raise_meta_number(sql::Connection& db, std::string_view key, std::int64_t value) {
    INVARIANT(value >= 0);
    const auto stored = big_endian(value);
    return detail::change(db, meta_raise, key, ByteView{stored});
}

Result<std::int64_t> insert_workspace(sql::Connection& db, const WorkspaceRow& row) {
    return detail::insert(db, workspace_insert, row.id, row.name, row.created_at, row.settings);
}

Result<std::optional<WorkspaceRow>> find_workspace(sql::Connection& db, const WorkspaceId& id) {
    return sql::one(db, workspace_by_id, read_workspace, id);
}

Result<std::optional<WorkspaceRow>> load_workspace(sql::Connection& db, std::int64_t no) {
    return sql::one(db, workspace_by_no, read_workspace, no);
}

Result<Page<WorkspaceRow>> list_workspaces(sql::Connection& db, const PageOptions& page) {
    return detail::list(db, workspace_list, page, read_workspace);
}

Result<Applied> update_workspace(sql::Connection& db, const WorkspaceRow& row) {
    return detail::change(db, workspace_update, row.no, row.name, row.settings);
}

Result<std::int64_t> insert_entity(sql::Connection& db, const EntityRow& row) {
    return detail::insert(db, entity_insert, row.id, row.workspace_no, row.reference, row.name,
                          row.created_at, row.settings);
}

Result<std::optional<EntityRow>> find_entity(sql::Connection& db, std::int64_t workspace_no,
                                             const EntityId& id) {
    return sql::one(db, entity_by_id, read_entity, workspace_no, id);
}

Result<std::optional<EntityRow>> load_entity(sql::Connection& db, std::int64_t no) {
    return sql::one(db, entity_by_no, read_entity, no);
}

Result<Page<EntityRow>> list_entities(sql::Connection& db, std::int64_t workspace_no,
                                      const PageOptions& page) {
    return detail::list(db, entity_list, page, read_entity, workspace_no);
}

Result<Applied> update_entity(sql::Connection& db, const EntityRow& row) {
    return detail::change(db, entity_update, row.no, row.workspace_no, row.reference, row.name,
                          row.settings);
}

}  // namespace blotter::store
