#pragma once

#include "api/services.hpp"
#include "store/tables/slack.hpp"

/// Connected Slack workspaces between the store's sealed rows and what uses them.
namespace blotter::api {

/// Permissions that are asked for, and that a connection must have: posting and listing channels.
inline constexpr std::string_view slack_scopes = "chat:write,channels:read";
/// The first required permission that `granted` (comma-separated) lacks; empty when none does.
std::string_view missing_slack_scope(std::string_view granted);

struct SlackTokens {
    security::Secret access;
    security::Secret refresh;  ///< empty without token rotation
};

/// Sealed with AES-256-GCM, bound to the connection. `keys` must hold the workspace's keys.
Result<Bytes> seal_tokens(intake::Keyring& keys, const WorkspaceId& workspace,
                          const SlackConnectionId& connection, const SlackTokens& tokens);
/// On the thread that owns `keys`.
Result<SlackTokens> open_tokens(intake::Keyring& keys, const WorkspaceId& workspace,
                                const SlackConnectionId& connection, ByteView sealed);

/// A connection with what opens its tokens. Any connection of the store.
struct SealedSlack {
    store::SlackConnectionRow row;
    WorkspaceId workspace;
    std::vector<store::DataKeyRow> workspace_keys;
};
Result<std::optional<SealedSlack>> load_sealed_slack(sql::Connection& db, std::int64_t workspace_no,
                                                     const SlackConnectionId& id);
Result<SlackTokens> open_tokens(intake::Keyring& keys, const SealedSlack& sealed);

// --- Writer's thread. ---

/// Why destinations of a connection are disabled by the program itself.
namespace slack_reason {
inline constexpr std::string_view lost = "slack_connection_lost";
inline constexpr std::string_view disconnected = "slack_disconnected";
}  // namespace slack_reason

/// Slack does not take the token any more: it is deleted, sends stop, one alert is raised.
/// Nothing happens when the connection is not connected.
Result<> lose_slack(store::Tx& tx, WriterSide& side, store::SlackConnectionRow row,
                    std::string_view reason);
/// An admin here wants no more messages: the token is deleted and sends stop.
/// `reason` is empty, or says what is left to do in Slack.
Result<> disconnect_slack(store::Tx& tx, WriterSide& side, store::SlackConnectionRow row,
                          std::string_view reason);
/// Connected, or connected again: destinations that stopped for want of it go on.
Result<store::SlackConnected> connect_slack(store::Tx& tx, WriterSide& side,
                                            store::SlackConnectionRow row,
                                            const SlackTokens& tokens);
/// New tokens of a connection whose old ones run out; `row` as it was when they were asked for.
Result<> renew_slack(store::Tx& tx, WriterSide& side, store::SlackConnectionRow row,
                     const SlackTokens& tokens);

}  // namespace blotter::api
