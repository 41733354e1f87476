#pragma once

#include <string>
#include <string_view>

#include "model/destination.hpp"
#include "store/tables/common.hpp"

namespace blotter::store {

struct DestinationRow {
    std::int64_t no = 0;
    DestinationId id;
    std::int64_t workspace_no = 0;
    std::optional<std::int64_t> entity_no;
    std::string kind;
    std::string name;
    DestinationState state = DestinationState::enabled;
    std::string state_reason;
    std::string config = "{}";  ///< a JSON object without secrets
    Timestamp created_at;
    Timestamp updated_at;
    std::int64_t version = 1;
    std::optional<Timestamp> deleted_at;
};

Result<std::int64_t> insert_destination(sql::Connection& db, const DestinationRow& row);
/// Not deleted ones only.
Result<std::optional<DestinationRow>> find_destination(sql::Connection& db,
                                                       std::int64_t workspace_no,
                                                       const DestinationId& id);
/// Deleted ones too: old deliveries name them.
Result<std::optional<DestinationRow>> find_any_destination(sql::Connection& db,
                                                           std::int64_t workspace_no,
                                                           const DestinationId& id);
Result<std::optional<DestinationRow>> load_destination(sql::Connection& db, std::int64_t no);
Result<Page<DestinationRow>> list_destinations(sql::Connection& db, std::int64_t workspace_no,
                                               const PageOptions& page);
/// Of all workspaces, not deleted, in order of number: what is loaded at start.
Result<Page<DestinationRow>> list_all_destinations(sql::Connection& db, std::int64_t after,
                                                   std::size_t limit);

/// Writes entity, name, state, reason, config and `updated_at` of `row`, and the version after
/// `row.version`. `Applied::no` when the stored version is another one or it is deleted.
Result<Applied> update_destination(sql::Connection& db, const DestinationRow& row);

/// A change of state alone; wins over nobody's version but counts as a change. `Applied::no` when
/// it is in that state already, or deleted.
struct DestinationStateChange {
    std::int64_t no = 0;
    DestinationState state = DestinationState::enabled;
    std::string_view reason;
    Timestamp at;
};
Result<Applied> set_destination_state(sql::Connection& db, const DestinationStateChange& change);
/// Marks it as deleted and deletes its secrets.
Result<Applied> delete_destination(sql::Connection& db, std::int64_t no, Timestamp at);

// --- destination_secret ---

struct DestinationSecretRow {
    std::int64_t no = 0;
    std::int64_t destination_no = 0;
    std::string purpose;  ///< "signing", "bearer", …
    Bytes sealed;
    Timestamp created_at;
    std::optional<Timestamp> expires_at;  ///< the end of the overlap after a rotation
};

Result<std::int64_t> insert_destination_secret(sql::Connection& db,
                                               const DestinationSecretRow& row);
/// Those valid at `now`, newest first, at most 100.
Result<std::vector<DestinationSecretRow>> list_destination_secrets(sql::Connection& db,
                                                                   std::int64_t destination_no,
                                                                   Timestamp now);
/// Ends the secrets of one purpose at `at`, those that would last longer, except number `keep_no`.
struct SecretExpiry {
    std::int64_t destination_no = 0;
    std::string_view purpose;
    std::int64_t keep_no = 0;
    Timestamp at;
};
Result<> expire_destination_secrets(sql::Connection& db, const SecretExpiry& expiry);
Result<Applied> delete_destination_secret(sql::Connection& db, std::int64_t no);
Result<std::int64_t> purge_destination_secrets(sql::Connection& db, Timestamp expired_before,
                                               std::size_t limit);

}  // namespace blotter::store
