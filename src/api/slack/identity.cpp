#include "api/slack/identity.hpp"

#include "api/slack/side.hpp"

namespace blotter::api {
namespace {

using connectors::slack::CallAnswer;
using connectors::slack::ErrorClass;

constexpr std::size_t rows_max = 500;

/// Why the connection is over; empty when it is not.
std::string trouble_in(const CallAnswer& answer, const OpenSlack& connection) {
    if (!answer.ok) return answer.error;
    const json::Value* team = answer.body.find("team_id");
    if (team == nullptr || team->as_string() == nullptr ||
        *team->as_string() != connection.row.team_id)
        return "another_workspace";
    if (!answer.scopes.empty() && !missing_slack_scope(answer.scopes).empty())
        return "missing_scope";
    return "";
}

Result<> write_checked(store::Tx& tx, WriterSide& side, const store::SlackConnectionRow& asked,
                       std::string_view trouble, std::string_view scopes) {
    TRY(auto row, store::load_slack_connection(tx.db(), asked.no));
    // Connected anew meanwhile: the answer was about another token.
    if (!row || row->sealed != asked.sealed) return {};
    if (!trouble.empty()) return lose_slack(tx, side, *std::move(row), trouble);
    row->checked_at = side.clock().wall();
    if (!scopes.empty()) row->scopes = scopes;
    CHECK(store::change_slack_connection(tx.db(), *row));
    return {};
}

}  // namespace

void log_slack_upkeep(Services& services, std::string_view what, const Error& error) {
    services.log.warning("slack.upkeep_failed", {{"reason", what}, {"error", error}});
}

runtime::Task<Result<>> check_slack_identity(Services& services, const OpenSlack& connection,
                                             RunOut run_out) {
    const CallAnswer answer =
        co_await services.slack->api.post_form("auth.test", connection.tokens.access, {});
    const bool is_over = answer.kind == ErrorClass::lost ||
                         (answer.kind == ErrorClass::expired && run_out == RunOut::ends_it);
    if (!answer.ok && !is_over) co_return fail(Errc::unavailable, answer.words);
    const std::string trouble = trouble_in(answer, connection);
    if (!trouble.empty())
        services.log.warning("slack.connection_lost", {{"reason", std::string_view{trouble}}});
    co_return co_await store::write(
        services.loop, services.writer,
        [&side = services.writer_side, &asked = connection.row, &trouble, &scopes = answer.scopes](
            store::Tx& tx) { return write_checked(tx, side, asked, trouble, scopes); });
}

runtime::Task<> check_slack_team(Services& services, std::string team_id) {
    std::optional<std::int64_t> after = 0;
    while (after) {
        const auto rows = co_await store::read(
            services.loop, services.reader, [from = *after](sql::Connection& db) {
                return store::list_slack_connections_in(db, store::SlackState::connected, from,
                                                        rows_max);
            });
        if (!rows) {
            log_slack_upkeep(services, "connections", rows.error());
            co_return;
        }
        for (const store::SlackConnectionRow& row : rows->rows) {
            if (row.team_id != team_id) continue;
            const auto connection = co_await open_slack(services, row.workspace_no, row.id);
            if (!connection) continue;
            const RunOut run_out =
                connection->tokens.refresh.empty() ? RunOut::ends_it : RunOut::says_nothing;
            const auto checked = co_await check_slack_identity(services, *connection, run_out);
            if (!checked) log_slack_upkeep(services, "a connection", checked.error());
        }
        after = rows->next;
    }
}

}  // namespace blotter::api
