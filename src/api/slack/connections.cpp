#include "api/slack/connections.hpp"

#include "base/json.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::api {
namespace {

constexpr std::string_view alert_kind = "slack_disconnected";

security::Cell cell_of(const WorkspaceId& workspace, const SlackConnectionId& connection) {
    return {workspace, "slack_connection", "sealed", connection.value};
}

bool has_scope(std::string_view granted, std::string_view wanted) {
    while (!granted.empty()) {
        const auto comma = granted.find(',');
        if (granted.substr(0, comma) == wanted) return true;
        if (comma == std::string_view::npos) return false;
        granted.remove_prefix(comma + 1);
    }
    return false;
}

Result<> note(store::Tx& tx, WriterSide& side, const store::SlackConnectionRow& row,
              std::string_view state) {
    return side.intake.note(tx, row.workspace_no, ledger::LeafKind::slack_connection,
                            {{"con", row.id.text()}, {"state", std::string{state}}});
}

/// Those of the connection that are in `from`, and, when disabled, for one of our own reasons.
Result<> set_destinations(store::Tx& tx, WriterSide& side, const store::SlackConnectionRow& row,
                          DestinationState to, std::string_view reason) {
    const std::vector<routing::TargetPtr> targets =
        side.directory().get().targets(row.workspace_no);
    for (const routing::TargetPtr& target : targets) {
        const Destination& d = target->destination;
        if (d.kind != "slack" || d.slack.connection != row.id) continue;
        const bool stopped_by_us =
            d.state == DestinationState::disabled &&
            (d.state_reason == slack_reason::lost || d.state_reason == slack_reason::disconnected);
        const bool changes =
            to == DestinationState::enabled ? stopped_by_us : d.state == DestinationState::enabled;
        if (changes) CHECK(side.scribe.set_state(tx, d.no, to, reason));
    }
    return {};
}

}  // namespace

std::string_view missing_slack_scope(std::string_view granted) {
    for (const std::string_view wanted : {"chat:write", "channels:read"})
        if (!has_scope(granted, wanted)) return wanted;
    return {};
}

Result<Bytes> seal_tokens(intake::Keyring& keys, const WorkspaceId& workspace,
                          const SlackConnectionId& connection, const SlackTokens& tokens) {
    security::Secret text = security::Secret::take(std::string{tokens.access.expose_text()} + "\n" +
                                                   std::string{tokens.refresh.expose_text()});
    return keys.vault().seal(cell_of(workspace, connection), text.expose());
}

Result<SlackTokens> open_tokens(intake::Keyring& keys, const WorkspaceId& workspace,
                                const SlackConnectionId& connection, ByteView sealed) {
    TRY(const security::Secret text, keys.vault().open(cell_of(workspace, connection), sealed));
    const std::string_view both = text.expose_text();
    const auto line = both.find('\n');
    if (line == std::string_view::npos) return fail(Errc::corrupt, "stored tokens are damaged");
    return SlackTokens{security::Secret::copy_of(both.substr(0, line)),
                       security::Secret::copy_of(both.substr(line + 1))};
}

Result<std::optional<SealedSlack>> load_sealed_slack(sql::Connection& db, std::int64_t workspace_no,
                                                     const SlackConnectionId& id) {
    TRY(auto row, store::find_slack_connection(db, workspace_no, id));
    if (!row) return std::nullopt;
    TRY(const auto workspace, store::load_workspace(db, workspace_no));
    if (!workspace) return std::nullopt;
    SealedSlack out{*std::move(row), workspace->id, {}};
    TRY(out.workspace_keys, store::list_data_keys(db, workspace_no));
    return out;
}

Result<SlackTokens> open_tokens(intake::Keyring& keys, const SealedSlack& sealed) {
    if (!sealed.row.sealed)
        return fail(Errc::conflict, "the Slack workspace is not connected: connect it again");
    CHECK(keys.load(sealed.workspace, sealed.workspace_keys));
    return open_tokens(keys, sealed.workspace, sealed.row.id, *sealed.row.sealed);
}

Result<> lose_slack(store::Tx& tx, WriterSide& side, store::SlackConnectionRow row,
                    std::string_view reason) {
    if (row.state != store::SlackState::connected) return {};
    const Timestamp now = side.clock().wall();
    row.state = store::SlackState::lost;
    row.reason = reason;
    row.sealed.reset();
    row.expires_at.reset();
    row.updated_at = now;
    CHECK(store::change_slack_connection(tx.db(), row));
    const std::string subject = row.id.text();
    const std::string detail = json::to_text(
        json::Object{{"connection_id", subject},
                     {"slack_workspace", row.team_id},
                     {"last_error", "Slack does not accept the connection any more (" + row.reason +
                                        "): connect the workspace again"}});
    CHECK(store::raise_alert(tx.db(), {side.entropy().id<AlertId>(now), row.workspace_no,
                                       alert_kind, subject, detail, now}));
    CHECK(note(tx, side, row, "lost"));
    return set_destinations(tx, side, row, DestinationState::disabled, slack_reason::lost);
}

Result<> disconnect_slack(store::Tx& tx, WriterSide& side, store::SlackConnectionRow row,
                          std::string_view reason) {
    const Timestamp now = side.clock().wall();
    row.state = store::SlackState::disconnected;
    row.reason = reason;
    row.sealed.reset();
    row.expires_at.reset();
    row.updated_at = now;
    CHECK(store::change_slack_connection(tx.db(), row));
    CHECK(store::resolve_alert_of(tx.db(), {row.workspace_no, alert_kind, row.id.text()},
                                  "disconnected", now));
    CHECK(note(tx, side, row, "disconnected"));
    return set_destinations(tx, side, row, DestinationState::disabled, slack_reason::disconnected);
}

Result<store::SlackConnected> connect_slack(store::Tx& tx, WriterSide& side,
                                            store::SlackConnectionRow row,
                                            const SlackTokens& tokens) {
    const Timestamp now = side.clock().wall();
    const auto* workspace = side.directory().get().workspace(row.workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    CHECK(side.keys().ensure(tx, workspace->id, workspace->no, now));
    row.id = side.entropy().id<SlackConnectionId>(now);
    row.state = store::SlackState::connected;
    row.created_at = row.updated_at = row.checked_at = now;
    // Tokens are bound to the id, which is known only now when the team was connected before.
    TRY(const store::SlackConnected put, store::put_slack_connection(tx.db(), row));
    row.no = put.no;
    row.id = put.id;
    TRY(row.sealed, seal_tokens(side.keys(), workspace->id, row.id, tokens));
    CHECK(store::change_slack_connection(tx.db(), row));
    CHECK(store::resolve_alert_of(tx.db(), {row.workspace_no, alert_kind, row.id.text()},
                                  "connected", now));
    CHECK(note(tx, side, row, "connected"));
    CHECK(set_destinations(tx, side, row, DestinationState::enabled, ""));
    return put;
}

Result<> renew_slack(store::Tx& tx, WriterSide& side, store::SlackConnectionRow row,
                     const SlackTokens& tokens) {
    const Timestamp now = side.clock().wall();
    const auto* workspace = side.directory().get().workspace(row.workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    // Disconnected or connected anew while the new tokens were on their way: these are not wanted.
    TRY(const auto stored, store::load_slack_connection(tx.db(), row.no));
    if (!stored || stored->sealed != row.sealed) return {};
    CHECK(side.keys().ensure(tx, workspace->id, workspace->no, now));
    TRY(row.sealed, seal_tokens(side.keys(), workspace->id, row.id, tokens));
    row.updated_at = now;
    CHECK(store::change_slack_connection(tx.db(), row));
    return {};
}

}  // namespace blotter::api
