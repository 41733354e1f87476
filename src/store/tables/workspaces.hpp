#pragma once

#include <string>
#include <string_view>

#include "store/tables/common.hpp"

namespace blotter::store {

// --- meta: single values of the installation. ---

namespace meta {
inline constexpr std::string_view installation_id = "installation_id";
/// Every event up to this seq has a delivery row for each destination of its plan.
inline constexpr std::string_view first_attempt_watermark = "first_attempt_watermark";
/// Retention looked at the attempts of every delivery up to this number.
inline constexpr std::string_view attempts_passed = "attempts_passed";
/// Deliveries have had numbers below this one, or may have.
inline constexpr std::string_view delivery_numbers_reserved = "delivery_numbers_reserved";
}  // namespace meta

Result<std::optional<Bytes>> read_meta(sql::Connection& db, std::string_view key);
Result<> write_meta(sql::Connection& db, std::string_view key, ByteView value);
/// Only when there is no value yet.
Result<Applied> write_meta_once(sql::Connection& db, std::string_view key, ByteView value);
/// A number that only grows, stored as 8 bytes, big-endian; 0 when absent.
Result<std::int64_t> read_meta_number(sql::Connection& db, std::string_view key);
/// `Applied::no` when the stored number is already as large.
Result<Applied> raise_meta_number(sql::Connection& db, std::string_view key, std::int64_t value);

// --- workspace ---

struct WorkspaceRow {
    std::int64_t no = 0;  ///< given by the store
    WorkspaceId id;
    std::string name;
    Timestamp created_at;
    std::string settings = "{}";  ///< a JSON object
};

Result<std::int64_t> insert_workspace(sql::Connection& db, const WorkspaceRow& row);
Result<std::optional<WorkspaceRow>> find_workspace(sql::Connection& db, const WorkspaceId& id);
Result<std::optional<WorkspaceRow>> load_workspace(sql::Connection& db, std::int64_t no);
Result<Page<WorkspaceRow>> list_workspaces(sql::Connection& db, const PageOptions& page);
/// Name and settings.
Result<Applied> update_workspace(sql::Connection& db, const WorkspaceRow& row);

// --- entity ---

struct EntityRow {
    std::int64_t no = 0;
    EntityId id;
    std::int64_t workspace_no = 0;
    std::string reference;  ///< the caller's own key, unique in the workspace
    std::string name;
    Timestamp created_at;
    std::string settings = "{}";
};

/// `conflict` when the reference is taken.
Result<std::int64_t> insert_entity(sql::Connection& db, const EntityRow& row);
Result<std::optional<EntityRow>> find_entity(sql::Connection& db, std::int64_t workspace_no,
                                             const EntityId& id);
Result<std::optional<EntityRow>> load_entity(sql::Connection& db, std::int64_t no);
Result<Page<EntityRow>> list_entities(sql::Connection& db, std::int64_t workspace_no,
                                      const PageOptions& page);
/// Reference, name and settings.
Result<Applied> update_entity(sql::Connection& db, const EntityRow& row);

}  // namespace blotter::store
