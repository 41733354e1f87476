#include "api/slack/keeper.hpp"

#include <fmt/format.h>

#include "api/slack/digest.hpp"
#include "api/slack/side.hpp"

namespace blotter::api {
namespace {

using connectors::slack::CallAnswer;
using connectors::slack::ErrorClass;
using State = store::SlackMessageState;

constexpr Duration renew_ahead = std::chrono::minutes{30};
constexpr Duration summary_time_max = std::chrono::seconds{30};
constexpr Duration quota_wait = std::chrono::hours{4};
constexpr std::size_t rows_max = 500;

/// Causes that go away without a change here: the app is invited, the channel restored.
bool may_heal(const Destination& d) {
    return d.kind == "slack" && d.state == DestinationState::disabled &&
           (d.state_reason == "slack_not_in_channel" ||
            d.state_reason == "slack_channel_not_found" || d.state_reason == "slack_is_archived");
}

bool waits_for_quota(const Destination& d) {
    return d.kind == "slack" && d.state == DestinationState::disabled &&
           d.state_reason == "slack_message_limit_exceeded";
}

std::string text_at(const json::Value& body, std::string_view name) {
    const json::Value* value = body.find(name);
    return value == nullptr || value->as_string() == nullptr ? "" : *value->as_string();
}

}  // namespace

void SlackKeeper::start() {
    tasks_.spawn(run());
}

runtime::Task<> SlackKeeper::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
}

void SlackKeeper::report(std::string_view what, const Error& error) {
    services_.log.warning("slack.upkeep_failed", {{"reason", what}, {"error", error}});
}

runtime::Task<> SlackKeeper::run() {
    co_await hold_lost_work();
    MonoTime next_look = services_.loop.now();
    while (!stopping_) {
        co_await send_work();
        if (services_.loop.now() >= next_look) {
            co_await close_old_summaries();
            co_await look_after_connections();
            co_await look_after_channels();
            co_await plan_digests();
            next_look = services_.loop.now() + services_.settings.slack.recheck_interval;
        }
        co_await wake_.wait_until(services_.loop.now() + interval_);
    }
}

/// Summaries and digests that a crash left half sent have no delivery that would find them.
runtime::Task<> SlackKeeper::hold_lost_work() {
    for (const auto* workspace : services_.directory->workspaces()) {
        const auto done = co_await store::write(
            services_.loop, services_.writer,
            [no = workspace->no, run = services_.slack->run,
             &side = services_.writer_side](store::Tx& tx) -> Result<> {
                TRY(auto rows, store::list_slack_messages(
                                   tx.db(), {no, State::sending},
                                   {.limit = rows_max, .order = store::Order::oldest_first}));
                for (store::SlackMessageRow& row : rows.rows) {
                    if (row.run == run || row.key.text_template == "event") continue;
                    row.state = State::held;
                    row.outcome = "unclear";
                    row.updated_at = side.clock().wall();
                    CHECK(store::change_slack_message(tx.db(), row, State::sending));
                }
                return {};
            });
        if (!done) report("half-sent messages", done.error());
    }
}

runtime::Task<> SlackKeeper::close_old_summaries() {
    const auto done = co_await store::write(
        services_.loop, services_.writer,
        [before = now() - summary_time_max](store::Tx& tx) -> Result<> {
            TRY(auto rows, store::list_slack_work(tx.db(), State::open, 0, rows_max));
            for (store::SlackMessageRow& row : rows) {
                if (row.created_at > before) continue;
                row.state = State::waiting;
                CHECK(store::change_slack_message(tx.db(), row, State::open));
            }
            return {};
        });
    if (!done) report("summaries", done.error());
}

runtime::Task<> SlackKeeper::send_work() {
    auto rows = co_await store::read(services_.loop, services_.reader, [](sql::Connection& db) {
        return store::list_slack_work(db, State::waiting, 0, rows_max);
    });
    if (!rows) {
        report("summaries", rows.error());
        co_return;
    }
    for (store::SlackMessageRow& row : *rows) {
        if (stopping_) co_return;
        co_await send_one(std::move(row));
    }
}

runtime::Task<> SlackKeeper::send_one(store::SlackMessageRow row) {
    const routing::TargetPtr target = services_.directory->target(row.destination_no);
    auto message = co_await render_slack_work(services_, row, target);
    if (!message) {
        report("a summary", message.error());
        co_return;
    }
    connectors::slack::Book& book = services_.slack->poster.book();
    connectors::AttemptReport outcome;
    const bool wanted = target && target->destination.state == DestinationState::enabled;
    if (wanted) {
        auto plan = co_await book.plan(target->destination.slack.connection, row.workspace_no, row);
        if (!plan || !plan->connection) co_return;
        plan->thread.clear();
        connectors::slack::Draft draft{.row = row,
                                       .event = {},
                                       .message = *std::move(message),
                                       .policy = target->destination.slack.on_ambiguous,
                                       .burst = target->limits.rate_burst};
        co_await services_.slack->poster.post(*plan, std::move(draft), outcome);
    } else if (target && target->destination.state == DestinationState::paused) {
        co_return;
    }
    using connectors::Verdict;
    const bool again = outcome.verdict == Verdict::retry || outcome.verdict == Verdict::throttled;
    if (wanted && !again) co_return;
    // Not sent: back to where it waited, or out of the way for good.
    const auto done = co_await store::write(
        services_.loop, services_.writer, [no = row.no, wanted](store::Tx& tx) -> Result<> {
            TRY(auto now_row, store::load_slack_message(tx.db(), no));
            if (!now_row) return {};
            const State from = now_row->state;
            if (wanted && (from != State::failed || now_row->tries >= 8)) return {};
            if (!wanted && from != State::waiting) return {};
            now_row->state = wanted ? State::waiting : State::dropped;
            if (!wanted) now_row->outcome = "destination_removed";
            CHECK(store::change_slack_message(tx.db(), *now_row, from));
            return {};
        });
    if (!done) report("a summary", done.error());
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
    // The check uses the token that was just replaced otherwise; it is due again at the next look.
    if (expires && !connection->tokens.refresh.empty()) {
        const bool renewed = co_await renew(*connection);
        if (renewed) co_return;
    }
    co_await check_identity(*connection);
}

runtime::Task<bool> SlackKeeper::renew(const OpenSlack& connection) {
    const auto& settings = services_.settings.slack;
    const CallAnswer answer = co_await services_.slack->api.post_as_app(
        "oauth.v2.access", settings.client_id + ":" + std::string{settings.client_secret.reveal()},
        {{"grant_type", "refresh_token"},
         {"refresh_token", std::string{connection.tokens.refresh.expose_text()}}});
    if (!answer.ok) {
        report("a token", {Errc::unavailable, answer.words, ""});
        co_return false;
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
        if (done) co_return true;
        report("a token", done.error());
        if (done.error().code != Errc::storage_full && done.error().code != Errc::overloaded)
            co_return false;
        co_await services_.loop.sleep_for(std::chrono::seconds{1});
    }
}

/// Whether Slack still knows us, as whom, and with which permissions.
runtime::Task<> SlackKeeper::check_identity(const OpenSlack& connection) {
    const CallAnswer answer =
        co_await services_.slack->api.post_form("auth.test", connection.tokens.access, {});
    std::string trouble;
    if (!answer.ok && answer.kind != ErrorClass::lost && answer.kind != ErrorClass::expired) {
        report("a connection", {Errc::unavailable, answer.words, ""});
        co_return;
    }
    if (!answer.ok)
        trouble = answer.error;
    else if (text_at(answer.body, "team_id") != connection.row.team_id)
        trouble = "another_workspace";
    else if (!answer.scopes.empty() && !missing_slack_scope(answer.scopes).empty())
        trouble = "missing_scope";
    if (!trouble.empty())
        services_.log.warning("slack.connection_lost", {{"reason", std::string_view{trouble}}});
    const auto done =
        co_await store::write(services_.loop, services_.writer,
                              [&side = services_.writer_side, no = connection.row.no, trouble,
                               scopes = answer.scopes](store::Tx& tx) -> Result<> {
                                  TRY(auto row, store::load_slack_connection(tx.db(), no));
                                  if (!row || row->state != store::SlackState::connected) return {};
                                  if (!trouble.empty())
                                      return lose_slack(tx, side, *std::move(row), trouble);
                                  row->checked_at = side.clock().wall();
                                  if (!scopes.empty()) row->scopes = scopes;
                                  CHECK(store::change_slack_connection(tx.db(), *row));
                                  return {};
                              });
    if (!done) report("a connection", done.error());
}

// --- Channels ---

runtime::Task<> SlackKeeper::release(std::int64_t destination_no) {
    const auto done = co_await store::write(
        services_.loop, services_.writer,
        [&side = services_.writer_side, destination_no](store::Tx& tx) -> Result<> {
            const auto target = side.directory().get().target(destination_no);
            if (!target) return {};
            const bool parked =
                may_heal(target->destination) || waits_for_quota(target->destination);
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
        if (waits_for_quota(d) && d.updated_at + quota_wait <= now()) co_await release(d.no);
        if (!may_heal(d)) continue;
        const auto connection = co_await open_slack(services_, d.workspace_no, d.slack.connection);
        if (!connection) continue;
        const auto channel = co_await find_slack_channel(services_, *connection, d.slack.channel);
        if (channel && channel->is_member && !channel->is_archived) co_await release(d.no);
    }
}

// --- Digests ---

runtime::Task<> SlackKeeper::plan_digests() {
    const routing::DirectoryPtr directory = services_.directory;
    for (const routing::TargetPtr& target : directory->all_targets()) {
        if (!target || target->destination.kind != "slack") continue;
        if (!is_digest_due(target->destination, now())) continue;
        const auto done =
            co_await store::write(services_.loop, services_.writer,
                                  [&side = services_.writer_side, target](store::Tx& tx) {
                                      return plan_digest(tx, side, target->destination);
                                  });
        if (!done) report("a digest", done.error());
    }
}

}  // namespace blotter::api
