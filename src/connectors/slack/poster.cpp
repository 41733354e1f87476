#include "connectors/slack/poster.hpp"

#include <fmt/format.h>

namespace blotter::connectors::slack {
namespace {

using State = store::SlackMessageState;

constexpr std::chrono::minutes simpler_wait_max{2};
/// Sends of one attempt, when Slack answers that it is too early.
constexpr int sends_max = 3;

json::Value arguments_of(const Plan& plan, const Draft& draft, const SlackMessageId& id) {
    json::Object out;
    out.append("channel", draft.row.key.channel);
    out.append("text", draft.message.text);
    if (!draft.message.attachments.is_null()) out.append("attachments", draft.message.attachments);
    out.append("parse", "none");
    out.append("unfurl_links", false);
    out.append("unfurl_media", false);
    if (!plan.thread.empty()) out.append("thread_ts", plan.thread);
    // Opaque on purpose: everybody in the Slack workspace can read it.
    out.append("metadata", json::Object{{"event_type", "blotter_message"},
                                        {"event_payload", json::Object{{"id", id.text()}}}});
    return out;
}

std::string text_of(const json::Value& body, std::string_view name) {
    const json::Value* value = body.find(name);
    return value == nullptr || value->as_string() == nullptr ? "" : *value->as_string();
}

/// What Slack says is wrong with a message: pointers into our own blocks, nothing of the text.
std::string complaint_of(const CallAnswer& answer) {
    std::string out = answer.error;
    const json::Value* list = answer.body.at_pointer("/response_metadata/messages");
    if (list == nullptr || list->as_array() == nullptr) return out;
    for (const json::Value& one : *list->as_array())
        if (one.as_string() != nullptr) out += fmt::format("; {}", one.as_string()->substr(0, 200));
    return out.substr(0, 1'000);
}

void note_facts(const CallAnswer& answer, AttemptReport& report) {
    Attempt& attempt = report.attempt;
    const http::Facts& facts = answer.facts;
    attempt.took = std::chrono::duration_cast<std::chrono::microseconds>(facts.timings.total);
    if (facts.remote)
        attempt.address =
            fmt::format("{}:{}", facts.remote->address().to_string(), facts.remote->port());
    if (facts.tls) {
        attempt.tls_version = facts.tls->version;
        attempt.tls_cipher = facts.tls->cipher;
        attempt.peer_certificate_sha256 = facts.tls->peer_certificate_sha256;
    }
    if (answer.status != 0) {
        report.status = answer.status;
        attempt.status = answer.status;
    }
    report.retry_after = answer.retry_after;
}

void set(AttemptReport& report, Verdict verdict, std::string words) {
    report.verdict = verdict;
    report.words = std::move(words);
}

void report_step(Step step, AttemptReport& report) {
    switch (step) {
        case Step::send:
            return;
        case Step::there_already:
            return set(report, Verdict::posted_before, "the message is in the channel already");
        case Step::not_wanted:
            return set(report, Verdict::posted_before, "a person decided not to send it");
        case Step::carried:
            return set(report, Verdict::posted_before,
                       "another destination sends it to the same channel");
        case Step::hold:
            return set(report, Verdict::unclear,
                       "whether the message is in the channel is not known: look there, then "
                       "send or drop it with POST /v1/slack/messages/{id}/resolve");
    }
}

}  // namespace

/// False when it is not this message's turn within a bound: it comes back later.
runtime::Task<bool> Poster::wait_turn(const Plan& plan, const Draft& draft, AttemptReport& report) {
    const Pacer::Place place = co_await parts_.pacing.book(
        {plan.connection->team_id, draft.row.key.channel, draft.burst, draft.turn_wait_max});
    if (place.at) {
        co_await parts_.loop.sleep_until(*place.at);
        co_return true;
    }
    const auto wait =
        std::chrono::duration_cast<std::chrono::seconds>(place.soonest - parts_.loop.now());
    set(report, Verdict::throttled, "other messages to this channel or workspace are before it");
    report.retry_after = std::to_string(wait.count() + 1);
    co_return false;
}

runtime::Task<Poster::Sent> Poster::send(const Plan& plan, const Draft& draft,
                                         const SlackMessageId& id) {
    Sent out;
    json::Value arguments = arguments_of(plan, draft, id);
    out.answer = co_await parts_.api.post_json("chat.postMessage", plan.token, arguments);
    out.outcome = "sent";
    if (out.answer.ok) co_return out;
    // Refused, so certainly not there: it may go out once more in a simpler form.
    json::Object& simpler = *arguments.as_object();
    if (out.answer.kind == ErrorClass::thread && !plan.thread.empty()) {
        simpler.erase("thread_ts");
    } else if (out.answer.kind == ErrorClass::form) {
        out.form_trouble = complaint_of(out.answer);
        out.outcome = "sent_as_text";
        simpler.erase("attachments");
        simpler.erase("metadata");
    } else {
        co_return out;
    }
    const Pacer::Place place = co_await parts_.pacing.book(
        {plan.connection->team_id, draft.row.key.channel, draft.burst, simpler_wait_max});
    if (!place.at) {
        out.answer.kind = ErrorClass::throttled;
        co_return out;
    }
    co_await parts_.loop.sleep_until(*place.at);
    out.answer = co_await parts_.api.post_json("chat.postMessage", plan.token, arguments);
    co_return out;
}

/// Whether the token that Slack did not take is an old one: then nothing is over.
runtime::Task<bool> Poster::is_renewed(const Plan& plan, const Draft& draft) {
    co_await parts_.loop.sleep_for(renewal_time);
    const auto again =
        co_await parts_.book.plan(plan.connection->id, draft.row.workspace_no, draft.row);
    co_return again && again->connection && again->connection->sealed != plan.connection->sealed;
}

/// What a 2xx said must not be forgotten because the disk is full for a while.
runtime::Task<> Poster::write_down(Ended ended, AttemptReport& report) {
    for (;;) {
        const auto done = co_await parts_.book.finish(ended);
        if (done) co_return;
        const bool may_pass =
            done.error().code == Errc::storage_full || done.error().code == Errc::overloaded;
        if (!may_pass) {
            set(report, Verdict::unclear, "the outcome could not be written down");
            co_return;
        }
        co_await parts_.loop.sleep_for(std::chrono::seconds{1});
    }
}

runtime::Task<> Poster::conclude(const Plan& plan, const Draft& draft, std::int64_t tries,
                                 Sent sent, AttemptReport& report) {
    const CallAnswer& answer = sent.answer;
    note_facts(answer, report);
    Ended ended{.message_no = draft.row.no,
                .state = State::failed,
                .outcome = answer.ok ? sent.outcome : answer.error,
                .event = draft.event,
                .form_trouble = sent.form_trouble,
                .sealed = plan.connection->sealed};
    set(report, Verdict::retry, answer.words);
    const bool refused = answer.kind == ErrorClass::lost || answer.kind == ErrorClass::expired;
    bool renewed = false;
    if (refused) renewed = co_await is_renewed(plan, draft);
    if (renewed) {
        set(report, Verdict::retry, "Slack's token was renewed meanwhile: tried again with it");
    } else if (answer.ok) {
        ended.state = State::sent;
        ended.ts = text_of(answer.body, "ts").substr(0, 64);
        set(report, Verdict::delivered, "");
    } else {
        switch (answer.kind) {
            case ErrorClass::throttled:
                report.verdict = Verdict::throttled;
                co_await parts_.pacing.pause(
                    {plan.connection->team_id, draft.row.key.channel, draft.burst, {}},
                    parts_.loop.now() + pause_asked(answer.retry_after));
                break;
            case ErrorClass::unclear: {
                const bool once_more = draft.policy == AmbiguityPolicy::resend_once && tries < 2;
                ended.state = once_more ? State::cleared : State::held;
                if (!once_more) report_step(Step::hold, report);
                break;
            }
            case ErrorClass::lost:
                ended.is_lost = true;
                report.verdict = Verdict::blocked;
                report.cause = "slack_connection_lost";
                report.alert = Alert::raised;
                break;
            case ErrorClass::expired:
                ended.is_expired = true;
                break;
            case ErrorClass::channel:
            case ErrorClass::quota:
            case ErrorClass::later:
                report.verdict = Verdict::blocked;
                report.cause = "slack_" + answer.error;
                break;
            case ErrorClass::form:
                report.verdict = Verdict::not_permitted;
                break;
            default:
                break;
        }
    }
    co_await write_down(std::move(ended), report);
}

runtime::Task<> Poster::post(const Plan& plan, Draft draft, AttemptReport& report) {
    if (draft.row.id.is_nil())
        draft.row.id = parts_.entropy.id<SlackMessageId>(parts_.loop.clock().wall());
    for (int sends = 0; sends < sends_max; ++sends) {
        const bool in_turn = co_await wait_turn(plan, draft, report);
        if (!in_turn) co_return;
        co_await post_once(plan, draft, report);
        if (report.verdict != Verdict::throttled) co_return;
    }
}

runtime::Task<> Poster::post_once(const Plan& plan, Draft& draft, AttemptReport& report) {
    auto begun = co_await parts_.book.begin(draft.row, draft.policy);
    if (!begun) {
        set(report, Verdict::retry, begun.error().detail);
        co_return;
    }
    if (!begun->lost.empty()) {
        set(report, Verdict::blocked, "the Slack workspace is not connected any more");
        report.cause = begun->lost;
        report.alert = Alert::raised;
        co_return;
    }
    if (begun->step != Step::send) {
        report_step(begun->step, report);
        co_return;
    }
    draft.row.no = begun->message.no;
    Sent sent = co_await send(plan, draft, begun->message.id);
    co_await conclude(plan, draft, begun->message.tries, std::move(sent), report);
}

}  // namespace blotter::connectors::slack
