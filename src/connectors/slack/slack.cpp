#include "connectors/slack/slack.hpp"

namespace blotter::connectors {
namespace {

/// The name of the message's form; part of what makes a message the same message.
constexpr std::string_view event_template = "event";

store::SlackMessageRow row_of(const AttemptRequest& request) {
    const Destination& destination = request.target->destination;
    store::SlackMessageRow row;
    row.workspace_no = destination.workspace_no;
    row.key.channel = destination.slack.channel;
    row.key.event_seq = request.event->seq;
    row.key.text_template = event_template;
    // A sample has no place in the ledger; every press of the button is a message of its own.
    if (request.event->seq == 0) row.key.text_template = "sample:" + request.event->id.text();
    row.destination_no = destination.no;
    row.envelope_no = request.event->envelope_no;
    return row;
}

void block(AttemptReport& report, std::string cause, std::string words) {
    report.verdict = Verdict::blocked;
    report.cause = std::move(cause);
    report.words = std::move(words);
    report.alert = Alert::raised;
}

}  // namespace

SlackConnector::SlackConnector(Parts parts, Options options)
    : parts_(parts), options_(std::move(options)) {}

slack::Draft SlackConnector::draft_of(const AttemptRequest& request,
                                      store::SlackMessageRow row) const {
    const Destination& destination = request.target->destination;
    const Links links{.url =
                          [&](const FileId& file) {
                              return parts_.links.url({request.event->seq, destination.no, file});
                          },
                      .expires_at = {}};
    if (row.id.is_nil()) row.id = parts_.entropy.id<SlackMessageId>(parts_.loop.clock().wall());
    slack::Draft draft;
    draft.event = request.event->id;
    draft.policy = destination.slack.on_ambiguous;
    draft.burst = request.target->limits.rate_burst;
    draft.message = slack::render(*request.event, links,
                                  {.language = destination.slack.language,
                                   .buttons = options_.buttons,
                                   .envelope_url = options_.envelope_url,
                                   .button_value = row.id.text()});
    draft.row = std::move(row);
    return draft;
}

/// True when the message went into a summary. More than `fold_after` waiting opens one, and it
/// takes everything until nothing waits any more.
runtime::Task<bool> SlackConnector::folded(const slack::Plan& plan,
                                           const store::SlackMessageRow& row,
                                           AttemptReport& report) {
    if (row.key.event_seq == 0) co_return false;
    if (plan.message && plan.message->state != store::SlackMessageState::failed) co_return false;
    const std::uint32_t waiting = options_.waiting(row.destination_no);
    if (waiting <= options_.fold_after) {
        const auto folding =
            co_await parts_.poster.book().is_folding(row.key.connection_no, row.key.channel);
        if (!folding || !*folding) co_return false;
    }
    const auto done = co_await parts_.poster.book().fold(row, waiting == 0);
    if (!done) co_return false;
    report.verdict = Verdict::folded;
    co_return true;
}

runtime::Task<ReportPtr> SlackConnector::attempt(AttemptRequest request) {
    auto made_report = std::make_unique<AttemptReport>();
    AttemptReport& report = *made_report;
    report.attempt.n = request.n;
    report.attempt.started_at = request.started_at;
    const Destination& destination = request.target->destination;
    store::SlackMessageRow row = row_of(request);
    auto plan = co_await parts_.poster.book().plan(destination.slack.connection,
                                                   destination.workspace_no, row);
    if (!plan) {
        report.verdict = Verdict::retry;
        report.words = plan.error().detail;
        co_return made_report;
    }
    if (!plan->connection || plan->connection->state != store::SlackState::connected) {
        block(report, "slack_connection_lost",
              "the Slack workspace is not connected any more: connect it again");
        co_return made_report;
    }
    if (!destination.slack.threads) plan->thread.clear();
    row.key.connection_no = plan->connection->no;
    if (plan->message) row = *plan->message;
    row.destination_no = destination.no;
    const bool is_folded = co_await folded(*plan, row, report);
    if (is_folded) co_return made_report;
    co_await parts_.poster.post(*plan, draft_of(request, std::move(row)), report);
    co_return made_report;
}

}  // namespace blotter::connectors
