#include "api/slack/digest.hpp"

#include <algorithm>

#include "store/tables/alerts.hpp"
#include "store/tables/events.hpp"

namespace blotter::api {
namespace {

using connectors::slack::TypeCounts;

constexpr Duration digest_late_max = std::chrono::hours{6};
constexpr std::size_t alerts_max = 200;

/// Midnight UTC of the day.
Timestamp day_of(Timestamp at) {
    return Timestamp{std::chrono::floor<std::chrono::days>(at)};
}

Timestamp digest_time(const Destination& destination, Timestamp now) {
    const std::string& text = destination.slack.digest_at;
    const int hours = (text[0] - '0') * 10 + (text[1] - '0');
    const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
    return day_of(now) + std::chrono::hours{hours} + std::chrono::minutes{minutes};
}

TypeCounts named(const std::vector<store::SlackFolded>& counts) {
    TypeCounts out;
    for (const store::SlackFolded& one : counts)
        out.emplace_back(static_cast<EventType>(one.type), one.count);
    return out;
}

struct Figures {
    TypeCounts counts;
    std::int64_t alerts = 0;
};

Result<Figures> read_summary(sql::Connection& db, std::int64_t batch_no) {
    Figures out;
    TRY(const auto counts, store::count_slack_folded(db, batch_no));
    out.counts = named(counts);
    return out;
}

Result<Figures> read_digest(sql::Connection& db, std::int64_t workspace_no, Timestamp since) {
    Figures out;
    TRY(const auto counts, store::count_slack_events(db, workspace_no, since));
    out.counts = named(counts);
    for (const auto state : {store::AlertState::open, store::AlertState::acknowledged}) {
        TRY(const auto alerts,
            store::list_alerts(db, {workspace_no, state}, {.limit = alerts_max}));
        out.alerts += static_cast<std::int64_t>(alerts.rows.size());
    }
    return out;
}

}  // namespace

std::optional<Timestamp> due_digest(const Destination& destination, Timestamp now) {
    if (destination.state != DestinationState::enabled || destination.slack.digest_to.empty() ||
        destination.slack.digest_at.size() != 5)
        return std::nullopt;
    const Timestamp at = digest_time(destination, now);
    const bool is_due = at <= now && now - at < digest_late_max && destination.created_at < at;
    return is_due ? std::optional{at} : std::nullopt;
}

Result<store::Applied> plan_digest(store::Tx& tx, WriterSide& side, const Destination& destination,
                                   Timestamp at) {
    const Timestamp now = side.clock().wall();
    TRY(const auto connection, store::find_slack_connection(tx.db(), destination.workspace_no,
                                                            destination.slack.connection));
    if (!connection || connection->state != store::SlackState::connected) return store::Applied::no;
    store::SlackMessageRow row;
    row.key = {connection->no, destination.slack.digest_to, 0,
               "digest:" + to_rfc3339(at).substr(0, 10)};
    TRY(const auto known, store::find_slack_message(tx.db(), row.key));
    if (known) return store::Applied::yes;
    row.id = side.entropy().id<SlackMessageId>(now);
    row.workspace_no = destination.workspace_no;
    row.destination_no = destination.no;
    row.state = store::SlackMessageState::waiting;
    row.created_at = row.updated_at = now;
    CHECK(store::insert_slack_message(tx.db(), row));
    return store::Applied::yes;
}

runtime::Task<Result<connectors::slack::Message>> render_slack_work(
    Services& services, const store::SlackMessageRow& row, const routing::TargetPtr& target) {
    const bool is_summary = row.key.text_template == "summary";
    const Timestamp since = services.loop.clock().wall() - std::chrono::hours{24};
    CO_TRY(
        const Figures figures,
        co_await store::read(
            services.loop, services.reader,
            [is_summary, since, no = row.no, workspace_no = row.workspace_no](sql::Connection& db) {
                return is_summary ? read_summary(db, no) : read_digest(db, workspace_no, since);
            }));
    const Language language = target ? target->destination.slack.language : Language::english;
    if (is_summary) co_return connectors::slack::render_summary(figures.counts, language);
    co_return connectors::slack::render_digest(figures.counts, figures.alerts, language);
}

}  // namespace blotter::api
