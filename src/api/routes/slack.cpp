#include "api/routes/slack.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/helpers.hpp"
#include "api/slack/channels.hpp"
#include "api/slack/side.hpp"
#include "base/json_reader.hpp"
#include "http/problem.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/events.hpp"
#include "store/tables/replays.hpp"

namespace blotter::api {
namespace {

using security::Permission;
using State = store::SlackMessageState;

// --- Connections ---

json::Value view_of(const store::SlackConnectionRow& row) {
    constexpr const char* names[] = {"", "connected", "lost", "disconnected"};
    json::Array scopes;
    std::string_view rest = row.scopes;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        scopes.emplace_back(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
    json::Object out;
    out.append("id", row.id.text());
    out.append("slack_workspace", row.team_id);
    out.append("state", names[static_cast<int>(row.state)]);
    out.append("state_reason", row.reason);
    out.append("scopes", std::move(scopes));
    out.append("token_expires_at",
               row.expires_at ? json::Value{to_rfc3339(*row.expires_at)} : json::Value{});
    out.append("checked_at", to_rfc3339(row.checked_at));
    out.append("created_at", to_rfc3339(row.created_at));
    out.append("updated_at", to_rfc3339(row.updated_at));
    return out;
}

runtime::Task<Result<Reply>> list_connections(Services& services, Call& call) {
    CO_TRY(const PageQuery page, read_page(services, call, "listSlackConnections"));
    CO_TRY(const auto rows,
           co_await store::read(services.loop, services.reader,
                                [no = call.workspace_no, page = page.page](sql::Connection& db) {
                                    return store::list_slack_connections(db, no, page);
                                }));
    json::Array data;
    for (const auto& row : rows.rows) data.push_back(view_of(row));
    co_return Reply{
        200, make_list(services, call, "listSlackConnections", std::move(data), rows.next), {}};
}

runtime::Task<Result<Reply>> get_connection(Services& services, Call& call) {
    CO_TRY(const SlackConnectionId id, path_id<SlackConnectionId>(call, "connection_id"));
    CO_TRY(const auto row, co_await store::read(services.loop, services.reader,
                                                [no = call.workspace_no, id](sql::Connection& db) {
                                                    return store::find_slack_connection(db, no, id);
                                                }));
    if (!row) co_return fail(Errc::not_found, "there is no such thing in this workspace");
    co_return Reply{200, view_of(*row), {}};
}

/// Slack is asked first, so that a token that was revoked here is dead there, too; whether that
/// works or not, nothing is sent any more and the token is gone from the store.
runtime::Task<Result<Reply>> disconnect(Services& services, Call& call) {
    CO_TRY(const SlackConnectionId id, path_id<SlackConnectionId>(call, "connection_id"));
    const auto connection = co_await open_slack(services, call.workspace_no, id);
    if (!connection && connection.error().code == Errc::not_found)
        co_return fail(Errc::not_found, "there is no such thing in this workspace");
    std::string reason;
    if (connection) {
        const auto answer =
            co_await services.slack->api.post_form("auth.revoke", connection->tokens.access, {});
        // What is dead already need not be revoked.
        if (!answer.ok && answer.kind != connectors::slack::ErrorClass::lost) {
            reason = "not_revoked";
            services.log.warning("slack.revoke_failed",
                                 {{"reason", std::string_view{answer.error}}});
        }
    }
    co_return co_await mutate(
        services, call,
        [id, reason, no = call.workspace_no](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(auto row, store::find_slack_connection(tx.db(), no, id));
            if (!row) return fail(Errc::not_found, "there is no such thing in this workspace");
            CHECK(disconnect_slack(tx, side, *std::move(row), reason));
            TRY(row, store::find_slack_connection(tx.db(), no, id));
            return Reply{200, view_of(*row), {}};
        });
}

runtime::Task<Result<Reply>> list_channels(Services& services, Call& call) {
    CO_TRY(const SlackConnectionId id, path_id<SlackConnectionId>(call, "connection_id"));
    const std::string* cursor = call.query.find("cursor");
    if (cursor != nullptr && cursor->size() > 1'000)
        co_return fail(Errc::invalid_argument, "a cursor is shorter than this", "/query/cursor");
    CO_TRY(OpenSlack connection, co_await open_slack(services, call.workspace_no, id));
    CO_TRY(const SlackChannelPage page,
           co_await list_slack_channels(services, connection,
                                        cursor == nullptr ? std::string{} : *cursor, 200));
    if (page.pause) {
        const Error error{Errc::overloaded, "Slack asks for fewer calls: repeat this one later"};
        co_return Reply{503, {}, http::make_problem(error, {.retry_after = page.pause})};
    }
    json::Array data;
    for (const SlackChannel& channel : page.channels) {
        const std::string hint = membership_hint(channel);
        data.push_back(json::Object{{"id", channel.id},
                                    {"name", channel.name},
                                    {"is_member", channel.is_member},
                                    {"to_do", hint.empty() ? json::Value{} : json::Value{hint}}});
    }
    co_return Reply{
        200,
        json::Object{{"data", std::move(data)},
                     {"next_cursor",
                      page.next_cursor.empty() ? json::Value{} : json::Value{page.next_cursor}}},
        {}};
}

// --- Messages ---

/// The event a message is about; none for summaries, digests and samples.
Result<std::optional<EventId>> event_of(sql::Connection& db, const store::SlackMessageRow& row) {
    if (row.key.event_seq == 0) return std::nullopt;
    TRY(const auto event, store::load_event(db, row.key.event_seq, store::Payload::skip));
    return event ? std::optional{event->id} : std::nullopt;
}

json::Value view_of(const store::SlackMessageRow& row, const std::optional<EventId>& event,
                    const routing::Directory& directory) {
    const auto target = directory.target(row.destination_no);
    json::Object out;
    out.append("id", row.id.text());
    out.append("destination_id",
               target ? json::Value{target->destination.id.text()} : json::Value{});
    out.append("event_id", event ? json::Value{event->text()} : json::Value{});
    out.append("channel", row.key.channel);
    const std::string& form = row.key.text_template;
    out.append("kind", form.substr(0, form.find(':')));
    out.append("state", store::to_text(row.state));
    out.append("outcome", row.outcome);
    out.append("tries", row.tries);
    out.append("created_at", to_rfc3339(row.created_at));
    out.append("updated_at", to_rfc3339(row.updated_at));
    return out;
}

struct MessagesView {
    json::Array data;
    std::optional<std::int64_t> next;
};

Result<MessagesView> view_messages(sql::Connection& db, const store::SlackMessageFilter& filter,
                                   const store::PageOptions& page,
                                   const routing::Directory& directory) {
    TRY(const auto rows, store::list_slack_messages(db, filter, page));
    MessagesView out{{}, rows.next};
    for (const auto& row : rows.rows) {
        TRY(const auto event, event_of(db, row));
        out.data.push_back(view_of(row, event, directory));
    }
    return out;
}

runtime::Task<Result<Reply>> list_messages(Services& services, Call& call) {
    CO_TRY(const PageQuery page, read_page(services, call, "listSlackMessages"));
    store::SlackMessageFilter filter{call.workspace_no, {}};
    if (const std::string* state = call.query.find("state")) {
        filter.state = store::parse_slack_message_state(*state);
        if (!filter.state)
            co_return fail(Errc::invalid_argument,
                           "'state' is one of sending, sent, held, cleared, dropped, failed, "
                           "folded, waiting and open",
                           "/query/state");
    }
    const routing::DirectoryPtr directory = call.directory;
    CO_TRY(auto rows,
           co_await store::read(services.loop, services.reader,
                                [filter, page = page.page, directory](sql::Connection& db) {
                                    return view_messages(db, filter, page, *directory);
                                }));
    co_return Reply{
        200, make_list(services, call, "listSlackMessages", std::move(rows.data), rows.next), {}};
}

/// The delivery that held it ended as unclear; the message gets a new one, as with a replay.
Result<> send_again(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                    const store::SlackMessageRow& row) {
    if (row.key.event_seq == 0 || row.key.text_template != "event") return {};
    const Timestamp now = side.clock().wall();
    store::ReplayRow replay;
    replay.id = side.entropy().id<ReplayId>(now);
    replay.workspace_no = row.workspace_no;
    replay.destination_no = row.destination_no;
    replay.filter = R"({"slack_message":true})";
    replay.created_at = now;
    replay.created_by = "slack";
    replay.total = replay.done = 1;
    replay.position = row.key.event_seq;
    replay.state = store::ReplayState::done;
    TRY(const std::int64_t replay_no, store::insert_replay(tx.db(), replay));
    store::NewDelivery delivery;
    TRY(delivery.no, side.delivery_numbers().take(tx, row.destination_no));
    delivery.id = side.entropy().id<DeliveryId>(now);
    delivery.event_seq = row.key.event_seq;
    delivery.destination_no = row.destination_no;
    delivery.workspace_no = row.workspace_no;
    delivery.replay_no = replay_no;
    delivery.created_at = now;
    const auto target = side.directory().get().target(row.destination_no);
    if (!target) return fail(Errc::conflict, "the destination of the message was deleted");
    const bool enabled = target->destination.state == DestinationState::enabled;
    delivery.state = enabled ? store::DeliveryState::queued : store::DeliveryState::held;
    if (enabled)
        delivery.next_at = now;
    else
        delivery.reason = "destination_disabled";
    TRY(const auto no, store::insert_delivery(tx.db(), delivery));
    if (enabled && no)
        tx.after_commit([&hub, destination = row.destination_no, no = *no, now] {
            hub.due(destination, no, now, 0);
        });
    return {};
}

/// The alert about a destination is over when the last of its held messages was decided.
Result<> clear_alert(store::Tx& tx, WriterSide& side, const store::SlackMessageRow& decided) {
    TRY(const auto held,
        store::list_slack_messages(tx.db(), {decided.workspace_no, State::held}, {.limit = 200}));
    const bool more = held.next || std::ranges::any_of(held.rows, [&](const auto& row) {
                          return row.destination_no == decided.destination_no;
                      });
    const auto target = side.directory().get().target(decided.destination_no);
    if (more || !target) return {};
    CHECK(store::resolve_alert_of(
        tx.db(), {decided.workspace_no, "delivery_unclear", target->destination.id.text()},
        "decided", side.clock().wall()));
    return {};
}

Result<Reply> resolve(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                      store::SlackMessageRow row, bool send) {
    if (row.state != State::held)
        return fail(Errc::conflict, fmt::format("the message is {}, not held: there is nothing to "
                                                "decide",
                                                store::to_text(row.state)));
    const bool is_own = row.key.text_template != "event";
    row.state = !send ? State::dropped : is_own ? State::waiting : State::cleared;
    row.outcome = send ? "sent_on_request" : "dropped_on_request";
    row.tries = 0;
    row.updated_at = side.clock().wall();
    CHECK(store::change_slack_message(tx.db(), row, State::held));
    CHECK(clear_alert(tx, side, row));
    if (send) CHECK(send_again(tx, side, hub, row));
    CHECK(side.intake.note(tx, row.workspace_no, ledger::LeafKind::slack_message,
                           {{"ch", row.key.channel}, {"outcome", row.outcome}}));
    TRY(const auto event, event_of(tx.db(), row));
    return Reply{200, view_of(row, event, side.directory().get()), {}};
}

runtime::Task<Result<Reply>> resolve_message(Services& services, Call& call) {
    CO_TRY(const SlackMessageId id, path_id<SlackMessageId>(call, "message_id"));
    json::ObjectReader in{call.body};
    const std::string decision = in.text("decision", 16);
    CO_CHECK(in.finish());
    if (decision != "send" && decision != "drop")
        co_return fail(Errc::invalid_argument,
                       "'decision' is \"send\" (it is not in the channel) or \"drop\" (it is, or "
                       "is not wanted)",
                       "/decision");
    co_return co_await mutate(
        services, call,
        [id, no = call.workspace_no, send = decision == "send", &hub = services.hub](
            store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(auto row, store::find_slack_message(tx.db(), no, id));
            if (!row) return fail(Errc::not_found, "there is no such thing in this workspace");
            return resolve(tx, side, hub, *std::move(row), send);
        });
}

std::vector<Component> components() {
    return {
        {"SlackConnection",
         R"({"type":"object","required":["id","slack_workspace","state","scopes"],"properties":{)"
         R"("id":{"type":"string"},"slack_workspace":{"type":"string"},)"
         R"("state":{"enum":["connected","lost","disconnected"]},)"
         R"("state_reason":{"type":"string","description":"Slack's error code when it is lost; )"
         R"(not_revoked when Slack could not be asked to revoke the token."},)"
         R"("scopes":{"type":"array","items":{"type":"string"}},)"
         R"("token_expires_at":{"type":["string","null"],"format":"date-time"},)"
         R"("checked_at":{"type":"string","format":"date-time"},)"
         R"("created_at":{"type":"string","format":"date-time"},)"
         R"("updated_at":{"type":"string","format":"date-time"}}})"},
        {"SlackConnectionList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                                R"({"$ref":"#/components/schemas/SlackConnection"}},)"
                                R"("next_cursor":{"type":["string","null"]}}})"},
        {"SlackChannelList",
         R"({"type":"object","properties":{"data":{"type":"array","items":{"type":"object",)"
         R"("required":["id","name","is_member"],"properties":{"id":{"type":"string"},)"
         R"("name":{"type":"string"},"is_member":{"type":"boolean"},)"
         R"("to_do":{"type":["string","null"],"description":"What an admin does before messages)"
         R"( arrive."}}}},"next_cursor":{"type":["string","null"]}}})"},
        {"SlackMessage",
         R"({"type":"object","required":["id","channel","kind","state"],"properties":{)"
         R"("id":{"type":"string"},"destination_id":{"type":["string","null"]},)"
         R"("event_id":{"type":["string","null"],"description":"What the message is about.)"
         R"( Null for samples, summaries and digests."},)"
         R"("channel":{"type":"string"},"kind":{"enum":["event","sample","summary","digest"]},)"
         R"("state":{"enum":["sending","sent","held","cleared","dropped","failed","folded",)"
         R"("waiting","open"]},"outcome":{"type":"string"},"tries":{"type":"integer"},)"
         R"("created_at":{"type":"string","format":"date-time"},)"
         R"("updated_at":{"type":"string","format":"date-time"}}})"},
        {"SlackMessageList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                             R"({"$ref":"#/components/schemas/SlackMessage"}},)"
                             R"("next_cursor":{"type":["string","null"]}}})"},
        {"SlackDecision", R"({"type":"object","required":["decision"],"properties":{"decision":)"
                          R"({"enum":["send","drop"]}}})"},
    };
}

}  // namespace

RouteGroup slack_routes() {
    using http::Method;
    RouteGroup group;
    group.components = components();
    group.routes = {
        {.method = Method::get,
         .path = "/v1/slack/connections",
         .operation = "listSlackConnections",
         .tag = "slack",
         .summary = "List the connected Slack workspaces",
         .permission = Permission::destinations_read,
         .response = "#SlackConnectionList",
         .parameters = page_parameters(),
         .handler = list_connections},
        {.method = Method::get,
         .path = "/v1/slack/connections/{connection_id}",
         .operation = "getSlackConnection",
         .tag = "slack",
         .summary = "Read a connected Slack workspace",
         .permission = Permission::destinations_read,
         .response = "#SlackConnection",
         .handler = get_connection},
        {.method = Method::post,
         .path = "/v1/slack/connections/{connection_id}/disconnect",
         .operation = "disconnectSlack",
         .tag = "slack",
         .summary = "Revoke and delete the token; nothing is sent any more",
         .permission = Permission::destinations_write,
         .response = "#SlackConnection",
         .handler = disconnect},
        {.method = Method::get,
         .path = "/v1/slack/connections/{connection_id}/channels",
         .operation = "listSlackChannels",
         .tag = "slack",
         .summary = "List the public channels, as Slack has them now",
         .permission = Permission::destinations_write,
         .response = "#SlackChannelList",
         .parameters = {{"cursor", "next_cursor of the page before"}},
         .handler = list_channels},
        {.method = Method::get,
         .path = "/v1/slack/messages",
         .operation = "listSlackMessages",
         .tag = "slack",
         .summary = "List the messages: when, in which channel, and with which outcome",
         .permission = Permission::destinations_read,
         .response = "#SlackMessageList",
         .parameters = page_parameters(
             {{"state", "Only those in this state; held ones wait for a decision"}}),
         .handler = list_messages},
        {.method = Method::post,
         .path = "/v1/slack/messages/{message_id}/resolve",
         .operation = "resolveSlackMessage",
         .tag = "slack",
         .summary = "Decide about a message of which nobody knows whether it arrived",
         .permission = Permission::destinations_write,
         .takes = Takes::json,
         .request = "#SlackDecision",
         .response = "#SlackMessage",
         .handler = resolve_message},
    };
    for (Route& route : slack_oauth_routes()) group.routes.push_back(std::move(route));
    for (Route& route : slack_inbound_routes()) group.routes.push_back(std::move(route));
    return group;
}

}  // namespace blotter::api
