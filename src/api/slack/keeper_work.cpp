// Messages that no delivery carries: summaries of what was folded, and daily digests.
#include "api/slack/digest.hpp"
#include "api/slack/keeper.hpp"
#include "api/slack/side.hpp"
#include "store/tables/alerts.hpp"

namespace blotter::api {
namespace {

using connectors::Verdict;
using State = store::SlackMessageState;

constexpr Duration summary_time_max = std::chrono::seconds{30};
constexpr std::size_t rows_max = 500;
constexpr std::size_t sends_max = 64;
/// A message that has to wait for its channel comes again: nothing is to hold up the end.
constexpr std::chrono::seconds turn_wait_max{2};

bool is_summary(const store::SlackMessageRow& row) {
    return row.key.text_template == "summary";
}

/// After a failure the message waits as long as an event's would.
Timestamp due_at(const store::SlackMessageRow& row, const std::vector<Duration>& schedule) {
    const auto tries = static_cast<std::size_t>(row.tries);
    if (tries == 0 || tries >= schedule.size()) return row.updated_at;
    return row.updated_at + (schedule[tries] - schedule[tries - 1]);
}

std::optional<Timestamp> earlier(std::optional<Timestamp> a, std::optional<Timestamp> b) {
    return a && b ? std::min(*a, *b) : a ? a : b;
}

Result<> raise(store::Tx& tx, WriterSide& side, const store::SlackMessageRow& row,
               std::string_view kind, std::string_view words) {
    const auto target = side.directory().get().target(row.destination_no);
    const std::string subject = target ? target->destination.id.text() : row.id.text();
    const std::string detail =
        json::to_text(json::Object{{"destination_id", subject},
                                   {"destination_name", target ? target->destination.name : ""},
                                   {"slack_message_id", row.id.text()},
                                   {"channel", row.key.channel},
                                   {"last_error", words}});
    const Timestamp now = side.clock().wall();
    CHECK(store::raise_alert(
        tx.db(), {side.entropy().id<AlertId>(now), row.workspace_no, kind, subject, detail, now}));
    return {};
}

/// What a crash left between request and answer: nobody knows whether it is there.
Result<> hold_half_sent(store::Tx& tx, WriterSide& side, store::SlackMessageRow row) {
    row.state = State::held;
    row.outcome = "unclear";
    row.updated_at = side.clock().wall();
    TRY(const auto applied, store::change_slack_message(tx.db(), row, State::sending));
    if (applied == store::Applied::no) return {};
    CHECK(side.intake.note(tx, row.workspace_no, ledger::LeafKind::slack_message,
                           {{"ch", row.key.channel}, {"outcome", row.outcome}}));
    return raise(tx, side, row, "delivery_unclear",
                 "whether a summary or digest is in the channel is not known: look there, then "
                 "send or drop it with POST /v1/slack/messages/{id}/resolve");
}

/// One page of half-sent messages of a workspace; gives where the next one begins.
Result<std::optional<std::int64_t>> hold_page(store::Tx& tx, WriterSide& side,
                                              std::int64_t workspace_no, std::int64_t run,
                                              std::int64_t after) {
    TRY(const auto rows,
        store::list_slack_messages(
            tx.db(), {workspace_no, State::sending},
            {.after = after, .limit = rows_max, .order = store::Order::oldest_first}));
    for (const store::SlackMessageRow& row : rows.rows) {
        // The delivery of an event finds its row by itself, unless its destination is gone.
        const bool has_delivery =
            row.key.text_template == "event" && side.directory().get().target(row.destination_no);
        if (row.run != run && !has_delivery) CHECK(hold_half_sent(tx, side, row));
    }
    return rows.next;
}

/// The destination's channel takes nothing: it stops until the cause is gone, as when a delivery
/// finds that out, and the summary waits with everything else.
Result<> park(store::Tx& tx, WriterSide& side, const store::SlackMessageRow& row,
              const connectors::AttemptReport& report) {
    const auto target = side.directory().get().target(row.destination_no);
    if (!target || target->destination.state != DestinationState::enabled) return {};
    CHECK(side.scribe.set_state(tx, row.destination_no, DestinationState::disabled, report.cause));
    if (report.alert == connectors::Alert::raised) return {};
    return raise(tx, side, row, "destination_blocked", report.words);
}

Result<> settle(store::Tx& tx, WriterSide& side, store::SlackMessageRow row,
                const connectors::AttemptReport& report) {
    TRY(auto stored, store::load_slack_message(tx.db(), row.no));
    if (!stored) return {};
    const State from = stored->state;
    const bool is_parked = report.verdict == Verdict::blocked && is_summary(row);
    if (is_parked) CHECK(park(tx, side, *stored, report));
    if (report.verdict == Verdict::unclear && from == State::held)
        return raise(tx, side, *stored, "delivery_unclear", report.words);
    if (from != State::failed) return {};
    const auto target = side.directory().get().target(row.destination_no);
    const auto tries_max = target ? target->limits.schedule.size() : 0;
    const bool may_pass = report.verdict == Verdict::retry || report.verdict == Verdict::throttled;
    if (is_parked || (may_pass && static_cast<std::size_t>(stored->tries) < tries_max)) {
        stored->state = State::waiting;
        CHECK(store::change_slack_message(tx.db(), *stored, from));
        return {};
    }
    // What Slack did not understand has its alert already.
    if (report.verdict == Verdict::not_permitted) return {};
    return raise(tx, side, *stored, "slack_message_failed", report.words);
}

}  // namespace

runtime::Task<> SlackKeeper::run_work() {
    co_await hold_lost_work();
    MonoTime digests_at = services_.loop.now();
    while (!stopping_) {
        work_.begin_look();
        const auto closing = co_await close_old_summaries();
        const auto sending = co_await send_work();
        if (services_.loop.now() >= digests_at) {
            co_await plan_digests();
            digests_at = services_.loop.now() + services_.settings.slack.recheck_interval;
        }
        const auto rest = std::chrono::ceil<Duration>(digests_at - services_.loop.now());
        co_await work_.rest(earlier(earlier(closing, sending), now() + rest));
    }
}

/// Summaries and digests that a crash left half sent have no delivery that would find them.
runtime::Task<> SlackKeeper::hold_lost_work() {
    for (const auto* workspace : services_.directory->workspaces()) {
        std::optional<std::int64_t> after = 0;
        while (after && !stopping_) {
            const auto next = co_await store::write(
                services_.loop, services_.writer,
                [no = workspace->no, run = services_.slack->run, from = *after,
                 &side = services_.writer_side](store::Tx& tx) {
                    return hold_page(tx, side, no, run, from);
                });
            if (!next) report("half-sent messages", next.error());
            after = next ? *next : std::nullopt;
        }
    }
}

runtime::Task<std::optional<Timestamp>> SlackKeeper::close_old_summaries() {
    const auto open = co_await store::read(
        services_.loop, services_.reader,
        [](sql::Connection& db) { return store::list_slack_work(db, State::open, 0, rows_max); });
    if (!open) {
        report("summaries", open.error());
        co_return now();
    }
    for (store::SlackMessageRow row : *open) {
        // The oldest come first.
        const Timestamp closes_at = row.created_at + summary_time_max;
        if (closes_at > now()) co_return closes_at;
        row.state = State::waiting;
        const auto done = co_await store::write(
            services_.loop, services_.writer, [row = std::move(row)](store::Tx& tx) {
                return store::change_slack_message(tx.db(), row, State::open);
            });
        if (done) continue;
        report("summaries", done.error());
        co_return now();
    }
    co_return std::nullopt;
}

runtime::Task<std::optional<Timestamp>> SlackKeeper::send_work() {
    std::optional<Timestamp> next;
    std::int64_t after = 0;
    for (std::size_t found = rows_max; found == rows_max;) {
        auto rows =
            co_await store::read(services_.loop, services_.reader, [after](sql::Connection& db) {
                return store::list_slack_work(db, State::waiting, after, rows_max);
            });
        if (!rows) {
            report("summaries", rows.error());
            co_return now();
        }
        found = rows->size();
        for (store::SlackMessageRow& row : *rows) {
            // Whoever ends wakes this up again.
            if (stopping_ || in_hand_.size() >= sends_max) co_return next;
            after = row.no;
            const routing::TargetPtr target = services_.directory->target(row.destination_no);
            if (!target) {
                co_await drop(std::move(row));
                continue;
            }
            // It waits with everything else for its destination.
            if (target->destination.state != DestinationState::enabled) continue;
            const Timestamp due = due_at(row, target->limits.schedule);
            if (due > now())
                next = earlier(next, due);
            else if (in_hand_.insert(row.no).second)
                tasks_.spawn(send_one(std::move(row)));
        }
    }
    co_return next;
}

runtime::Task<> SlackKeeper::send_one(store::SlackMessageRow row) {
    const std::int64_t no = row.no;
    const routing::TargetPtr target = services_.directory->target(row.destination_no);
    auto message = co_await render_slack_work(services_, row, target);
    connectors::slack::Poster& poster = services_.slack->poster;
    if (!message) report("a summary", message.error());
    if (message && target) {
        auto plan = co_await poster.book().plan(target->destination.slack.connection,
                                                row.workspace_no, row);
        if (plan && plan->connection) {
            plan->thread.clear();
            connectors::slack::Draft draft{.row = row,
                                           .event = {},
                                           .message = *std::move(message),
                                           .policy = target->destination.slack.on_ambiguous,
                                           .burst = target->limits.rate_burst,
                                           .turn_wait_max = turn_wait_max};
            connectors::AttemptReport outcome;
            co_await poster.post(*plan, std::move(draft), outcome);
            co_await conclude(std::move(row), std::move(outcome));
        }
    }
    in_hand_.erase(no);
    work_.wake();
}

/// What was not sent goes back to where it waited; what never will be is told to people.
runtime::Task<> SlackKeeper::conclude(store::SlackMessageRow row,
                                      connectors::AttemptReport outcome) {
    if (outcome.verdict == Verdict::delivered || outcome.verdict == Verdict::posted_before)
        co_return;
    const auto done = co_await store::write(
        services_.loop, services_.writer,
        [&side = services_.writer_side, row = std::move(row),
         outcome = std::move(outcome)](store::Tx& tx) { return settle(tx, side, row, outcome); });
    if (!done) report("a summary", done.error());
}

runtime::Task<> SlackKeeper::drop(store::SlackMessageRow row) {
    row.state = State::dropped;
    row.outcome = "destination_removed";
    const auto done = co_await store::write(
        services_.loop, services_.writer, [row = std::move(row)](store::Tx& tx) {
            return store::change_slack_message(tx.db(), row, State::waiting);
        });
    if (!done) report("a summary", done.error());
}

runtime::Task<> SlackKeeper::plan_digests() {
    const routing::DirectoryPtr directory = services_.directory;
    for (const routing::TargetPtr& target : directory->all_targets()) {
        if (!target || target->destination.kind != "slack") continue;
        const Destination& d = target->destination;
        const auto at = due_digest(d, now());
        if (!at) continue;
        const std::pair planned{d.slack.digest_to, *at};
        if (const auto last = digests_.find(d.no);
            last != digests_.end() && last->second == planned)
            continue;
        const auto done =
            co_await store::write(services_.loop, services_.writer,
                                  [&side = services_.writer_side, target, at = *at](store::Tx& tx) {
                                      return plan_digest(tx, side, target->destination, at);
                                  });
        if (!done) report("a digest", done.error());
        if (done && *done == store::Applied::yes) digests_.insert_or_assign(d.no, planned);
    }
}

}  // namespace blotter::api
