#pragma once

#include <chrono>
#include <string>

#include "store/tables/common.hpp"

namespace blotter::store {

// --- api_key ---

/// A key as it is kept: only the hash of the secret. Without a workspace it is for the whole
/// installation.
struct ApiKeyRow {
    std::int64_t no = 0;
    ApiKeyId id;
    std::optional<std::int64_t> workspace_no;
    std::string name;
    int role = 0;
    std::string scopes = "[]";  ///< a JSON array
    Bytes hash;
    Timestamp created_at;
    std::optional<Timestamp> expires_at;
    std::optional<Timestamp> revoked_at;
    std::optional<Timestamp> last_used_at;
};

Result<std::int64_t> insert_api_key(sql::Connection& db, const ApiKeyRow& row);
/// For authentication only, when the workspace is not known yet. Revoked and expired ones too.
Result<std::optional<ApiKeyRow>> load_api_key(sql::Connection& db, const ApiKeyId& id);
/// Without a workspace: among the keys of the installation only.
Result<std::optional<ApiKeyRow>> find_api_key(sql::Connection& db,
                                              std::optional<std::int64_t> workspace_no,
                                              const ApiKeyId& id);
Result<Page<ApiKeyRow>> list_api_keys(sql::Connection& db, std::optional<std::int64_t> workspace_no,
                                      const PageOptions& page);
/// `Applied::no` when it is revoked already.
Result<Applied> revoke_api_key(sql::Connection& db, std::int64_t no, Timestamp at);

// --- idempotency: answers of POST requests, kept under the caller's key. ---

enum class IdempotencyState : std::uint8_t { in_progress = 1, done = 2 };

struct IdempotencyKey {
    std::int64_t workspace_no = 0;
    Digest key_hash{};  ///< over everything that makes the key the caller's own
};

struct IdempotencyRow {
    Digest request_hash{};
    IdempotencyState state = IdempotencyState::in_progress;
    Timestamp created_at;
    int status = 0;
    std::string headers;
    Bytes body;
};

/// Nothing: the key is now the caller's, who must finish or release it. Otherwise what is there.
Result<std::optional<IdempotencyRow>> claim_idempotency(sql::Connection& db,
                                                        const IdempotencyKey& key,
                                                        const Digest& request_hash, Timestamp now);
struct IdempotentAnswer {
    int status = 0;
    std::string_view headers;
    ByteView body;
    std::optional<Uuid> subject{};  ///< whose data the answer holds, for erasure
};
Result<Applied> finish_idempotency(sql::Connection& db, const IdempotencyKey& key,
                                   const IdempotentAnswer& answer);
/// Empties the answers about a subject; their keys stay used, with the status 410.
Result<> erase_idempotent_answers(sql::Connection& db, const Uuid& subject);
/// Gives how many were deleted.
Result<std::int64_t> purge_idempotency(sql::Connection& db, Timestamp before, std::size_t limit);

}  // namespace blotter::store
