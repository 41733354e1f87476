#include "api/slack/keeper.hpp"

#include <fmt/format.h>

#include "api/slack/identity.hpp"
#include "api/slack/side.hpp"

namespace blotter::api {
namespace {

using connectors::slack::CallAnswer;
using connectors::slack::ErrorClass;

constexpr Duration renew_ahead = std::chrono::minutes{30};
constexpr Duration quota_wait = std::chrono::hours{4};
constexpr Duration move_wait = std::chrono::minutes{30};
constexpr std::size_t rows_max = 500;

/// Causes that go away without a change here: the app is invited, the channel restored.
bool may_heal(const Destination& d) {
    return d.kind == "slack" && d.state == DestinationState::disabled &&
           (d.state_reason == "slack_not_in_channel" ||
            d.state_reason == "slack_channel_not_found" || d.state_reason == "slack_is_archived");
}

/// When a cause that time alone mends is to be tried again: the plan's messages are used up, the
/// workspace is being moved into an organisation.
std::optional<Timestamp> try_again_at(const Destination& d) {
    if (d.kind != "slack" || d.state != DestinationState::disabled) return std::nullopt;
    if (d.state_reason == "slack_message_limit_exceeded") return d.updated_at + quota_wait;
    if (d.state_reason == "slack_team_added_to_org" || d.state_reason == "slack_org_login_required")
        return d.updated_at + move_wait;
    return std::nullopt;
}

/// The refresh token itself is not taken any more; anything else may pass.
bool refuses_renewal(const CallAnswer& answer) {
    return answer.kind == ErrorClass::lost || answer.error == "invalid_refresh_token" ||
           answer.error == "token_expired";
}

std::string text_at(const json::Value& body, std::string_view name) {
    const json::Value* value = body.find(name);
    return value == nullptr || value->as_string() == nullptr ? "" : *value->as_string();
}

}  // namespace

void SlackKeeper::start() {
    tasks_.spawn(run_work());
    tasks_.spawn(run_care());
}

runtime::Task<> SlackKeeper::stop() {
    stopping_ = true;
    work_.stop();
    wake_care_.notify();
    co_await tasks_.join();
}

void SlackKeeper::report(std::string_view what, const Error& error) {
    log_slack_upkeep(services_, what, error);
}

runtime::Task<> SlackKeeper::run_care() {
    while (!stopping_) {
        co_await look_after_connections();
        co_await look_after_channels();
        co_await wake_care_.wait_until(services_.loop.now() +
                                       services_.settings.slack.recheck_interval);
    }
}

// --- Connections ---

runtime::Task<> SlackKeeper::look_after_connections() {
    std::int64_t after = 0;
    for (;;) {
        auto rows =
            co_await store::read(services_.loop, services_.reader, [after](sql::Connection& db) {
                return store::list_slack_connections_in(db, store::SlackState::connected, after,
                                                        rows_max);
            });
        if (!rows) {
            report("connections", rows.error());
            co_return;
        }
        for (store::SlackConnectionRow& row : rows->rows) {
            if (stopping_) co_return;
            co_await look_after(std::move(row));
        }
        if (!rows->next) co_return;
        after = *rows->next;
    }
}

runtime::Task<> SlackKeeper::look_after(store::SlackConnectionRow row) {
    const bool expires = row.expires_at && *row.expires_at - renew_ahead <= now();
    const bool due = row.checked_at + services_.settings.slack.check_interval <= now();
    if (!expires && !due) co_return;
    const auto connection = co_await open_slack(services_, row.workspace_no, row.id);
    if (!connection) {
        report("a connection", connection.error());
        co_return;
    }
    const bool renewable = !connection->tokens.refresh.empty();
    Renewed renewed = renewable ? Renewed::not_now : Renewed::refused;
    if (expires && renewable) {
        renewed = co_await renew(*connection);
        // The check would use the token that was just replaced; it is due again at the next look.
        if (renewed == Renewed::yes) co_return;
    }
    const auto checked = co_await check_slack_identity(
        services_, *connection,
        renewed == Renewed::refused ? RunOut::ends_it : RunOut::says_nothing);
    if (!checked) report("a connection", checked.error());
}

runtime::Task<SlackKeeper::Renewed> SlackKeeper::renew(const OpenSlack& connection) {
    const auto& settings = services_.settings.slack;
    const CallAnswer answer = co_await services_.slack->api.post_as_app(
        "oauth.v2.access", settings.client_id + ":" + std::string{settings.client_secret.reveal()},
        {{"grant_type", "refresh_token"},
         {"refresh_token", std::string{connection.tokens.refresh.expose_text()}}});
    if (!answer.ok) {
        report("a token", {Errc::unavailable, answer.words, ""});
        co_return refuses_renewal(answer) ? Renewed::refused : Renewed::not_now;
    }
    SlackTokens tokens{security::Secret::take(text_at(answer.body, "access_token")),
                       security::Secret::take(text_at(answer.body, "refresh_token"))};
    const json::Value* seconds = answer.body.find("expires_in");
    store::SlackConnectionRow row = connection.row;
    const auto lifetime = seconds == nullptr ? std::nullopt : seconds->as_int64();
    row.expires_at.reset();
    if (lifetime) row.expires_at = now() + std::chrono::seconds{*lifetime};
    // The old refresh token is used up: what replaces it must reach the disk.
    for (;;) {
        const auto done =
            co_await store::write(services_.loop, services_.writer,
                                  [&side = services_.writer_side, &row, &tokens](store::Tx& tx) {
                                      return renew_slack(tx, side, row, tokens);
                                  });
        if (done) co_return Renewed::yes;
        report("a token", done.error());
        if (done.error().code != Errc::storage_full && done.error().code != Errc::overloaded)
            co_return Renewed::not_now;
        co_await services_.loop.sleep_for(std::chrono::seconds{1});
    }
}

// --- Channels ---

runtime::Task<> SlackKeeper::release(std::int64_t destination_no) {
    const auto done = co_await store::write(
        services_.loop, services_.writer,
        [&side = services_.writer_side, destination_no](store::Tx& tx) -> Result<> {
            const auto target = side.directory().get().target(destination_no);
            if (!target) return {};
            const bool parked =
                may_heal(target->destination) || try_again_at(target->destination).has_value();
            if (parked)
                CHECK(side.scribe.set_state(tx, destination_no, DestinationState::enabled, ""));
            return {};
        });
    if (!done) report("a channel", done.error());
}

runtime::Task<> SlackKeeper::look_after_channels() {
    const routing::DirectoryPtr directory = services_.directory;
    for (const routing::TargetPtr& target : directory->all_targets()) {
        if (!target || stopping_) continue;
        const Destination& d = target->destination;
        if (const auto again = try_again_at(d); again && *again <= now()) co_await release(d.no);
        if (!may_heal(d)) continue;
        auto connection = co_await open_slack(services_, d.workspace_no, d.slack.connection);
        if (!connection) continue;
        const auto channel = co_await find_slack_channel(services_, *connection, d.slack.channel);
        if (channel && channel->is_member && !channel->is_archived) co_await release(d.no);
    }
}

}  // namespace blotter::api
