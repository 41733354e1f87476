#include "api/slack/stored_book.hpp"

#include "base/json.hpp"
#include "store/tables/alerts.hpp"

namespace blotter::api {
namespace {

using connectors::slack::Ended;
using connectors::slack::Plan;
using connectors::slack::Step;
using State = store::SlackMessageState;
using Begun = connectors::slack::Book::Begun;

struct PlanRead {
    std::optional<SealedSlack> sealed;
    std::optional<store::SlackMessageRow> message;
    std::optional<std::string> thread;
};

Result<PlanRead> read_plan(sql::Connection& db, const SlackConnectionId& connection,
                           store::SlackMessageRow message) {
    PlanRead out;
    TRY(out.sealed, load_sealed_slack(db, message.workspace_no, connection));
    if (!out.sealed) return out;
    message.key.connection_no = out.sealed->row.no;
    TRY(out.message, store::find_slack_message(db, message.key));
    if (message.envelope_no) {
        TRY(out.thread, store::slack_thread_of(db, message.key.connection_no, message.key.channel,
                                               *message.envelope_no));
    }
    return out;
}

/// Time, channel and outcome: what an auditor may see of a message, and all that is kept.
Result<> note(store::Tx& tx, WriterSide& side, const store::SlackMessageRow& row,
              const EventId& event) {
    std::map<std::string, ledger::LeafValue, std::less<>> members{{"ch", row.key.channel},
                                                                  {"outcome", row.outcome}};
    if (!event.is_nil()) members.emplace("eid", event.text());
    const auto target = side.directory().get().target(row.destination_no);
    if (target) members.emplace("dst", target->destination.id.text());
    return side.intake.note(tx, row.workspace_no, ledger::LeafKind::slack_message,
                            std::move(members));
}

/// It may be there and must not be sent again: written down as held.
Result<> hold(store::Tx& tx, WriterSide& side, store::SlackMessageRow& row) {
    if (row.state != State::sending) return {};
    row.state = State::held;
    row.outcome = "unclear";
    row.updated_at = side.clock().wall();
    CHECK(store::change_slack_message(tx.db(), row, State::sending));
    return note(tx, side, row, {});
}

Result<Begun> begin_message(store::Tx& tx, WriterSide& side, store::SlackMessageRow message,
                            const connectors::slack::Asking& asking) {
    Begun out;
    TRY(const auto connection, store::load_slack_connection(tx.db(), message.key.connection_no));
    if (!connection || connection->state != store::SlackState::connected) {
        const bool by_hand = connection && connection->state == store::SlackState::disconnected;
        out.lost = by_hand ? slack_reason::disconnected : slack_reason::lost;
        return out;
    }
    TRY(auto row, store::find_slack_message(tx.db(), message.key));
    out.step = next_step(row, asking);
    const Timestamp now = side.clock().wall();
    if (!row) {
        message.state = State::sending;
        message.run = asking.run;
        message.tries = 1;
        message.created_at = message.updated_at = now;
        TRY(message.no, store::insert_slack_message(tx.db(), message));
        out.message = std::move(message);
        return out;
    }
    out.message = *std::move(row);
    if (out.step == Step::hold) CHECK(hold(tx, side, out.message));
    if (out.step != Step::send) return out;
    const State before = out.message.state;
    out.message.state = State::sending;
    out.message.run = asking.run;
    out.message.tries += 1;
    out.message.destination_no = message.destination_no;
    out.message.updated_at = now;
    CHECK(store::change_slack_message(tx.db(), out.message, before));
    return out;
}

Result<> raise_form_alert(store::Tx& tx, WriterSide& side, const store::SlackMessageRow& row,
                          const Ended& ended) {
    const Timestamp now = side.clock().wall();
    const auto target = side.directory().get().target(row.destination_no);
    const std::string subject = target ? target->destination.id.text() : row.key.channel;
    const std::string detail =
        json::to_text(json::Object{{"destination_id", subject},
                                   {"event_id", ended.event.text()},
                                   {"last_error", ended.form_trouble},
                                   {"sent_as_text", ended.state == State::sent}});
    CHECK(store::raise_alert(tx.db(), {side.entropy().id<AlertId>(now), row.workspace_no,
                                       "slack_message_refused", subject, detail, now}));
    return {};
}

Result<> finish_message(store::Tx& tx, WriterSide& side, const Ended& ended) {
    TRY(auto row, store::load_slack_message(tx.db(), ended.message_no));
    if (!row) return fail(Errc::not_found, "the message is no longer kept");
    const Timestamp now = side.clock().wall();
    row->state = ended.state;
    if (!ended.ts.empty()) row->ts = ended.ts;
    row->outcome = ended.outcome;
    row->updated_at = now;
    CHECK(store::change_slack_message(tx.db(), *row, State::sending));
    if (!ended.form_trouble.empty()) CHECK(raise_form_alert(tx, side, *row, ended));
    TRY(auto connection, store::load_slack_connection(tx.db(), row->key.connection_no));
    // Renewed meanwhile: Slack spoke of another token.
    const bool same = connection && connection->sealed == ended.sealed;
    if (same && ended.is_expired) {
        connection->expires_at = now;
        CHECK(store::change_slack_connection(tx.db(), *connection));
    }
    CHECK(note(tx, side, *row, ended.event));
    if (same && ended.is_lost) CHECK(lose_slack(tx, side, *std::move(connection), ended.outcome));
    return {};
}

Result<> fold_message(store::Tx& tx, WriterSide& side, store::SlackMessageRow message,
                      bool is_last) {
    const Timestamp now = side.clock().wall();
    TRY(auto summary,
        store::open_slack_summary(tx.db(), message.key.connection_no, message.key.channel));
    if (!summary) {
        summary.emplace(message);
        summary->id = side.entropy().id<SlackMessageId>(now);
        summary->key.text_template = "summary";
        summary->envelope_no.reset();
        summary->state = State::open;
        summary->created_at = summary->updated_at = now;
        TRY(summary->no, store::insert_slack_message(tx.db(), *summary));
    }
    message.batch_no = summary->no;
    message.state = State::folded;
    message.outcome = "folded";
    message.updated_at = now;
    if (message.no == 0) {
        message.id = side.entropy().id<SlackMessageId>(now);
        message.created_at = now;
        CHECK(store::insert_slack_message(tx.db(), message));
    } else {
        CHECK(store::change_slack_message(tx.db(), message, State::failed));
    }
    if (!is_last) return {};
    summary->state = State::waiting;
    summary->updated_at = now;
    CHECK(store::change_slack_message(tx.db(), *summary, State::open));
    return {};
}

}  // namespace

runtime::Task<Result<Plan>> StoredSlackBook::plan(SlackConnectionId connection,
                                                  std::int64_t workspace_no,
                                                  store::SlackMessageRow message) {
    message.workspace_no = workspace_no;
    CO_TRY(PlanRead read,
           co_await store::read(parts_.loop, parts_.reader,
                                [connection, message = std::move(message)](sql::Connection& db) {
                                    return read_plan(db, connection, message);
                                }));
    Plan out;
    if (!read.sealed) co_return out;
    if (read.sealed->row.state == store::SlackState::connected) {
        CO_TRY(SlackTokens tokens, open_tokens(parts_.keys, *read.sealed));
        out.token = std::move(tokens.access);
    }
    out.connection = std::move(read.sealed->row);
    out.message = std::move(read.message);
    out.thread = read.thread.value_or("");
    co_return out;
}

runtime::Task<Result<Begun>> StoredSlackBook::begin(store::SlackMessageRow message,
                                                    AmbiguityPolicy policy) {
    const connectors::slack::Asking asking{message.destination_no, run_, policy};
    co_return co_await store::write(
        parts_.loop, parts_.writer,
        [&side = parts_.writer_side, message = std::move(message), asking](store::Tx& tx) {
            return begin_message(tx, side, message, asking);
        });
}

runtime::Task<Result<>> StoredSlackBook::finish(Ended ended) {
    if (ended.is_lost)
        parts_.log.warning("slack.connection_lost", {{"reason", std::string_view{ended.outcome}}});
    co_return co_await store::write(parts_.loop, parts_.writer,
                                    [&side = parts_.writer_side, ended = std::move(ended)](
                                        store::Tx& tx) { return finish_message(tx, side, ended); });
}

runtime::Task<Result<>> StoredSlackBook::fold(store::SlackMessageRow message, bool is_last) {
    co_return co_await store::write(
        parts_.loop, parts_.writer,
        [&side = parts_.writer_side, message = std::move(message), is_last](store::Tx& tx) {
            return fold_message(tx, side, message, is_last);
        });
}

runtime::Task<Result<bool>> StoredSlackBook::is_folding(std::int64_t connection_no,
                                                        std::string channel) {
    co_return co_await store::read(
        parts_.loop, parts_.reader,
        [connection_no, channel = std::move(channel)](sql::Connection& db) -> Result<bool> {
            TRY(const auto open, store::open_slack_summary(db, connection_no, channel));
            return open.has_value();
        });
}

}  // namespace blotter::api
