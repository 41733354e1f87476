#pragma once

#include <optional>
#include <string>

#include "api/services.hpp"
#include "documents/resolution.hpp"
#include "store/tables/accounting.hpp"

/// The settings of accounting webhooks: checked, stored, resolved.
namespace blotter::api {

/// What is shown in place of an API key that is set.
inline constexpr std::string_view masked_api_key = "••••••••";

/// Both levels as stored. Any connection.
struct StoredWebhooks {
    std::optional<store::AccountingWebhookRow> entity;
    std::optional<store::AccountingWebhookRow> workspace;

    /// The settings that a scope means; null when there are none.
    const store::AccountingWebhookRow* at(documents::WebhookScope scope) const {
        const auto& row = scope == documents::workspace_scope ? workspace : entity;
        return row ? &*row : nullptr;
    }
};
Result<StoredWebhooks> load_webhooks(sql::Connection& db, const store::AccountingWebhookKey& key);

/// Where a document of the entity goes, or why nowhere.
Result<documents::Route> resolve_route(const StoredWebhooks& webhooks,
                                       const routing::EntityFacts& entity);

/// The address of an accounting webhook: https, or, in development mode, http to this machine.
/// Errors point to /url.
enum class Plain : bool { no, yes };
Result<Plain> check_accounting_url(const config::Settings& settings,
                                   const security::EgressGuard& guard, std::string_view url);

/// Where an API key is sealed: bound to its workspace and entity.
struct ApiKeyPlace {
    WorkspaceId workspace;
    EntityId entity;  ///< nil: the workspace's
};
/// The entity that a scope means, in the directory's words.
ApiKeyPlace api_key_place(const routing::Directory& directory, std::int64_t workspace_no,
                          documents::WebhookScope scope);
/// Writer's thread.
Result<Bytes> seal_api_key(WriterSide& side, const ApiKeyPlace& place, std::string_view text);
/// On the thread that owns `keys`, which holds the workspace's keys.
Result<security::Secret> open_api_key(intake::Keyring& keys, const ApiKeyPlace& place,
                                      ByteView sealed);

/// What a save asks for.
struct WebhookChange {
    store::AccountingWebhookKey key;
    bool custom = false;
    bool enabled = false;
    bool retries = false;
    std::string url;
    std::optional<security::Secret> api_key;  ///< a new one
    bool api_key_removed = false;
};
/// Writes the row and a leaf. Nothing changes the ledger when nothing changed. Writer's thread; the
/// last thing in a piece of work.
Result<store::AccountingWebhookRow> save_webhook(store::Tx& tx, WriterSide& side,
                                                 const WebhookChange& change);

}  // namespace blotter::api
