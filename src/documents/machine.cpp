#include "documents/machine.hpp"

#include <fmt/format.h>

#include "documents/codec.hpp"
#include "documents/totals.hpp"

namespace blotter::documents {
namespace {

std::unexpected<Error> refuse(std::string why) {
    return fail(Errc::conflict, std::move(why));
}

Transition changed(Document next, Timestamp now) {
    next.updated_at = now;
    ++next.version;
    Transition out;
    out.next = std::move(next);
    out.changed = true;
    return out;
}

Transition unchanged(const Document& document) {
    Transition out;
    out.next = document;
    return out;
}

void emit(Transition& step, EventType type, Timestamp now) {
    EventDraft event;
    event.type = type;
    event.occurred_at = now;
    event.document = step.next.id;
    if (step.next.no != 0) event.document_no = step.next.no;
    event.entity_nos = {step.next.entity_no};
    event.data = json::Object{{"document", event_view(step.next, type)}};
    step.events.push_back(std::move(event));
}

Result<> check_complete(const Content& content) {
    const auto need = [](std::string_view what, std::string_view name) {
        return fail(Errc::invalid_argument,
                    fmt::format("a document cannot be validated without {}", what),
                    fmt::format("/{}", name));
    };
    if (content.lines.empty()) return need("at least one line", "lines");
    if (content.number.empty()) return need("its number", "number");
    if (content.issue_date.empty()) return need("its issue date", "issue_date");
    return {};
}

Result<Transition> on(const Document& document, const Edit& edit, Timestamp now) {
    if (document.state != DocumentState::draft)
        return refuse(
            fmt::format("the document is {} and cannot be changed{}", to_text(document.state),
                        document.state == DocumentState::validated ? ": reopen it first" : ""));
    if (edit.content == document.content) return unchanged(document);
    Document next = document;
    next.content = edit.content;
    return changed(std::move(next), now);
}

Result<Transition> on(const Document& document, const Validate& validate, Timestamp now) {
    if (document.state == DocumentState::validated) return unchanged(document);
    if (document.state != DocumentState::draft)
        return refuse(fmt::format("the document is {} already", to_text(document.state)));
    Document next = document;
    next.content = validate.content;
    CHECK(check_complete(next.content));
    CHECK(settle_totals(next.content));
    next.state = DocumentState::validated;
    next.validated_at = now;
    Transition step = changed(std::move(next), now);
    emit(step, EventType::document_validated, now);
    return step;
}

Result<Transition> on(const Document& document, const Reopen&, Timestamp now) {
    if (document.state == DocumentState::draft) return unchanged(document);
    if (document.state == DocumentState::unknown)
        return refuse(
            "nobody knows whether the document was posted, so it cannot be changed: send it again "
            "under the same id to find out");
    if (document.state != DocumentState::validated)
        return refuse(
            fmt::format("the document is {} and cannot be changed", to_text(document.state)));
    Document next = document;
    next.state = DocumentState::draft;
    next.validated_at.reset();
    next.due_at.reset();
    ++next.revision;
    return changed(std::move(next), now);
}

Result<Transition> on(const Document& document, const Dispatch& dispatch, Timestamp now) {
    const bool retry = dispatch.cause == Cause::retry;
    if (retry && (!document.due_at || *document.due_at > now)) return unchanged(document);
    if (document.state == DocumentState::sent && dispatch.cause == Cause::person) {
        Transition out = unchanged(document);
        out.already_sent = true;
        return out;
    }
    CHECK(may_send(document));
    Document next = document;
    next.state = DocumentState::sending;
    next.started_at = now;
    next.due_at.reset();
    Sending& sending = next.sending;
    ++sending.attempts;
    sending.scope = dispatch.route.scope;
    if (!retry || !sending.round_started) {
        sending.round_attempts = 0;
        sending.round_started = now;
    }
    ++sending.round_attempts;
    Transition step = changed(std::move(next), now);
    emit(step, EventType::document_dispatched, now);
    return step;
}

/// Where a document stands whose attempt did not succeed. What was posted once stays posted.
DocumentState state_after(const Document& document, Outcome outcome) {
    if (document.sent_at) return DocumentState::sent;
    return outcome == Outcome::unknown ? DocumentState::unknown : DocumentState::validated;
}

Transition not_posted(const Document& document, Outcome outcome, SendError error, Timestamp now) {
    Document next = document;
    next.state = state_after(document, outcome);
    next.started_at.reset();
    next.sending.error = std::move(error);
    return changed(std::move(next), now);
}

Result<Transition> on(const Document& document, const Settle& settle, Timestamp now) {
    const bool under_way =
        document.state == DocumentState::sending && document.sending.attempts == settle.attempt;
    if (!under_way) return unchanged(document);
    if (settle.outcome == Outcome::sent) {
        Document next = document;
        next.state = DocumentState::sent;
        next.sent_at = now;
        next.started_at.reset();
        next.sending.error.reset();
        if (!settle.reference.empty()) next.sending.reference = settle.reference;
        Transition step = changed(std::move(next), now);
        emit(step, EventType::document_posted, now);
        return step;
    }
    SendError error = settle.error.value_or(SendError{"failed", "sending failed", {}, now});
    Transition step = not_posted(document, settle.outcome, std::move(error), now);
    if (!document.sent_at) step.next.due_at = settle.retry_at;
    step.alert = settle.given_up;
    emit(step, EventType::document_post_failed, now);
    return step;
}

Result<Transition> on(const Document& document, const Lost&, Timestamp now) {
    if (document.state != DocumentState::sending) return unchanged(document);
    Transition step = not_posted(
        document, Outcome::unknown,
        {"interrupted",
         "Blotter was interrupted while it waited for the answer: the document may have been "
         "posted. Send it again; it goes out under the same id.",
         {},
         now},
        now);
    step.alert = true;
    emit(step, EventType::document_post_failed, now);
    return step;
}

Result<Transition> on(const Document& document, const Undeliverable& why, Timestamp now) {
    if (!document.due_at || *document.due_at > now) return unchanged(document);
    Document next = document;
    next.due_at.reset();
    next.sending.error = why.error;
    Transition step = changed(std::move(next), now);
    step.alert = true;
    emit(step, EventType::document_post_failed, now);
    return step;
}

}  // namespace

std::string_view to_text(Outcome outcome) {
    switch (outcome) {
        case Outcome::sent:
            return "sent";
        case Outcome::failed:
            return "failed";
        case Outcome::unknown:
            return "unknown";
    }
    return "";
}

Result<> may_send(const Document& document) {
    if (document.state == DocumentState::draft)
        return refuse("the document is a draft: validate it first");
    if (document.state == DocumentState::sending)
        return refuse("the document is being sent right now");
    return {};
}

Document create(Document draft, Timestamp now) {
    draft.state = DocumentState::draft;
    draft.created_at = draft.updated_at = now;
    return draft;
}

Result<Transition> apply(const Document& document, const Command& command, Timestamp now) {
    return std::visit([&](const auto& what) { return on(document, what, now); }, command);
}

}  // namespace blotter::documents
