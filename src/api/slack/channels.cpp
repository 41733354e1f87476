#include "api/slack/channels.hpp"

#include <fmt/format.h>

#include "api/slack/side.hpp"

namespace blotter::api {
namespace {

using connectors::slack::CallAnswer;
using connectors::slack::ErrorClass;

constexpr int empty_pages_max = 10;

bool flag_at(const json::Value& value, std::string_view name) {
    const json::Value* found = value.find(name);
    return found != nullptr && found->as_bool() != nullptr && *found->as_bool();
}

std::string text_at(const json::Value& value, std::string_view name) {
    const json::Value* found = value.find(name);
    return found == nullptr || found->as_string() == nullptr ? "" : *found->as_string();
}

SlackChannel channel_of(const json::Value& value) {
    return {text_at(value, "id"), text_at(value, "name").substr(0, 320),
            flag_at(value, "is_member"), flag_at(value, "is_archived")};
}

}  // namespace

runtime::Task<Result<OpenSlack>> open_slack(Services& services, std::int64_t workspace_no,
                                            SlackConnectionId id) {
    CO_TRY(auto sealed, co_await store::read(services.loop, services.reader,
                                             [workspace_no, id](sql::Connection& db) {
                                                 return load_sealed_slack(db, workspace_no, id);
                                             }));
    if (!sealed)
        co_return fail(Errc::not_found, "there is no such Slack connection in this workspace");
    CO_TRY(SlackTokens tokens, open_tokens(services.keys, *sealed));
    co_return OpenSlack{std::move(sealed->row), sealed->workspace, std::move(tokens)};
}

runtime::Task<CallAnswer> ask_slack(Services& services, OpenSlack& connection, SlackCall call) {
    CallAnswer answer = co_await call(connection.tokens.access);
    if (answer.kind != ErrorClass::lost && answer.kind != ErrorClass::expired) co_return answer;
    co_await services.loop.sleep_for(connectors::slack::renewal_time);
    auto again = co_await open_slack(services, connection.row.workspace_no, connection.row.id);
    if (!again || again->row.sealed == connection.row.sealed) co_return answer;
    connection = *std::move(again);
    answer = co_await call(connection.tokens.access);
    co_return answer;
}

namespace {

runtime::Task<CallAnswer> ask_form(Services& services, OpenSlack& connection, std::string method,
                                   connectors::slack::Form form) {
    return ask_slack(
        services, connection,
        [&api = services.slack->api, method = std::move(method), form = std::move(form)](
            const security::Secret& token) { return api.post_form(method, token, form); });
}

}  // namespace

runtime::Task<Error> slack_failure(Services& services, const OpenSlack& connection,
                                   const CallAnswer& answer) {
    if (answer.kind == ErrorClass::lost) {
        const auto done = co_await store::write(
            services.loop, services.writer,
            [&side = services.writer_side, &asked = connection.row,
             reason = answer.error](store::Tx& tx) -> Result<store::Applied> {
                TRY(auto row, store::load_slack_connection(tx.db(), asked.no));
                // Renewed meanwhile: Slack spoke of another token.
                if (!row || row->sealed != asked.sealed) return store::Applied::no;
                CHECK(lose_slack(tx, side, *std::move(row), reason));
                return store::Applied::yes;
            });
        if (done && *done == store::Applied::no)
            co_return Error{Errc::unavailable,
                            "the connection to Slack was renewed or removed meanwhile: "
                            "try again",
                            ""};
        if (!done) services.log.warning("slack.write_failed", {{"error", done.error()}});
        services.log.warning("slack.connection_lost", {{"reason", std::string_view{answer.error}}});
        co_return Error{Errc::conflict, answer.words, ""};
    }
    if (answer.kind == ErrorClass::throttled)
        co_return Error{Errc::overloaded, "Slack asks for fewer calls; try again in a minute", ""};
    co_return Error{Errc::unavailable, answer.words, ""};
}

runtime::Task<Result<SlackChannel>> find_slack_channel(Services& services, OpenSlack& connection,
                                                       std::string channel) {
    connectors::slack::Form form{{"channel", std::move(channel)}};
    const CallAnswer answer =
        co_await ask_form(services, connection, "conversations.info", std::move(form));
    if (!answer.ok && answer.error == "channel_not_found")
        co_return fail(Errc::invalid_argument, answer.words, "/config/channel");
    // The permission that is missing is one that was never asked for: to see private channels.
    if (!answer.ok && answer.error == "missing_scope")
        co_return fail(Errc::invalid_argument,
                       "the app sees public channels only, and this is another kind: choose one "
                       "from the list of channels",
                       "/config/channel");
    if (!answer.ok) {
        Error failed = co_await slack_failure(services, connection, answer);
        co_return pass(std::move(failed));
    }
    const json::Value* found = answer.body.find("channel");
    co_return found == nullptr ? SlackChannel{} : channel_of(*found);
}

runtime::Task<Result<SlackChannelPage>> list_slack_channels(Services& services,
                                                            OpenSlack& connection,
                                                            std::string cursor, std::size_t limit) {
    SlackChannelPage out;
    for (int page = 0; page < empty_pages_max; ++page) {
        connectors::slack::Form form{{"types", "public_channel"},
                                     {"exclude_archived", "true"},
                                     {"limit", std::to_string(limit)}};
        if (!cursor.empty()) form.emplace_back("cursor", cursor);
        const CallAnswer answer =
            co_await ask_form(services, connection, "conversations.list", std::move(form));
        if (!answer.ok && answer.error == "invalid_cursor")
            co_return fail(Errc::invalid_argument, "this cursor is not one of Slack's",
                           "/query/cursor");
        if (answer.kind == ErrorClass::throttled) {
            out.pause = connectors::slack::pause_asked(answer.retry_after);
            break;
        }
        if (!answer.ok) {
            Error failed = co_await slack_failure(services, connection, answer);
            co_return pass(std::move(failed));
        }
        const json::Value* channels = answer.body.find("channels");
        if (channels != nullptr && channels->as_array() != nullptr)
            for (const json::Value& one : *channels->as_array())
                out.channels.push_back(channel_of(one));
        const json::Value* next = answer.body.at_pointer("/response_metadata/next_cursor");
        cursor = next == nullptr || next->as_string() == nullptr ? "" : *next->as_string();
        if (cursor.empty() || !out.channels.empty()) break;
    }
    out.next_cursor = cursor;
    co_return out;
}

std::string membership_hint(const SlackChannel& channel) {
    if (channel.is_archived)
        return fmt::format("#{} is archived: restore it in Slack or choose another channel",
                           channel.name);
    if (channel.is_member) return "";
    return fmt::format("the app is not in #{} yet: write \"/invite\" and the app's name there",
                       channel.name);
}

runtime::Task<Result<Destination>> check_slack_channel(Services& services,
                                                       Destination destination) {
    auto connection =
        co_await open_slack(services, destination.workspace_no, destination.slack.connection);
    if (!connection) {
        Error error = std::move(connection).error();
        if (error.code == Errc::not_found) error.code = Errc::invalid_argument;
        error.pointer = "/config/connection_id";
        co_return pass(std::move(error));
    }
    CO_TRY(const SlackChannel channel,
           co_await find_slack_channel(services, *connection, destination.slack.channel));
    destination.slack.channel_name = channel.name;
    co_return destination;
}

}  // namespace blotter::api
