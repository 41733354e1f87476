#include "envelopes/machine.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "envelopes/event_data.hpp"

namespace blotter::envelopes {
namespace {

constexpr std::array<std::string_view, 20> action_names{
    "send",    "notified", "delivery_failed", "viewed",   "authenticated", "authentication_failed",
    "started", "signed",   "approved",        "declined", "reminded",      "reassigned",
    "removed", "returned", "resubmitted",     "voided",   "attached",      "failed",
    "expired", "deleted"};

constexpr std::size_t notes_max = 2'000;
/// The clock of a signing application may be this much behind ours.
constexpr Duration clocks_differ_max = std::chrono::minutes{5};

/// One command at work on a copy of the envelope.
class Step {
  public:
    Step(const Envelope& before, const Command& command, Timestamp now)
        : command_(command), now_(now), at_(std::min(command.occurred_at, now)) {
        out_.next = before;
    }

    Result<Transition> run();

  private:
    Envelope& e() { return out_.next; }

    std::unexpected<Error> refuse(std::string reason) {
        return fail(Errc::conflict,
                    fmt::format("'{}' is not possible: {}", to_text(command_.action), reason));
    }
    std::unexpected<Error> refuse_state() {
        return refuse(fmt::format("the envelope is {}", blotter::to_text(e().state)));
    }
    bool in(std::initializer_list<EnvelopeState> states) {
        return std::ranges::find(states, e().state) != states.end();
    }

    /// Whether every file of the command is attached already.
    bool holds_all() {
        return std::ranges::all_of(command_.files, [this](const EnvelopeFile& file) {
            return std::ranges::any_of(e().files, [&](const EnvelopeFile& known) {
                return known.kind == file.kind && known.sha256 == file.sha256;
            });
        });
    }

    /// Events are made when everything of this step is settled (see `finish`).
    void emit(EventType type, std::optional<RecipientId> recipient = std::nullopt) {
        emitted_.push_back({type, recipient});
    }
    void note(std::string_view what, std::optional<RecipientId> recipient = std::nullopt) {
        if (e().notes.size() >= notes_max) return;
        e().notes.push_back(
            {at_, std::string{what}, recipient, command_.presence, command_.reason});
    }

    Result<> on_envelope();
    Result<> on_recipient(Recipient& r);
    Result<> send();
    Result<> act(Recipient& r, RecipientState state, EventType type);
    Result<> decline(Recipient& r);
    Result<> deliver_failed(Recipient& r);
    Result<> see(Recipient& r, RecipientState state, EventType type);
    Result<> reassign(Recipient& r);
    Result<> remove(Recipient& r);
    Result<> attach();
    Result<> end(EnvelopeState state, EventType type);
    Result<> expire();
    void settle();
    Transition finish();

    struct Emitted {
        EventType type;
        std::optional<RecipientId> recipient;
    };

    const Command& command_;
    Timestamp now_;
    Timestamp at_;
    Transition out_;
    std::vector<Emitted> emitted_;
    bool changed_ = true;
};

bool is_recipient_action(Action action) {
    return action >= Action::notified && action <= Action::removed;
}

Result<Transition> Step::run() {
    const Timestamp begun = e().sent_at.value_or(e().created_at);
    if (command_.occurred_at + clocks_differ_max < begun)
        return fail(Errc::invalid_argument,
                    fmt::format("{} lies before the envelope went out, at {}",
                                to_rfc3339(command_.occurred_at), to_rfc3339(begun)),
                    "/occurred_at");
    if (is_terminal(e().state)) {
        // The same end reported twice is a retry, anything else would change history.
        const bool again =
            (command_.action == Action::voided && e().state == EnvelopeState::voided) ||
            (command_.action == Action::failed && e().state == EnvelopeState::failed) ||
            (command_.action == Action::expired && e().state == EnvelopeState::expired) ||
            (command_.action == Action::deleted && is_deleted(e())) ||
            (command_.action == Action::attached && e().state == EnvelopeState::completed &&
             holds_all());
        if (again) return Transition{e(), {}, false};
        if (!is_recipient_action(command_.action)) return refuse_state();
    }
    if (!is_recipient_action(command_.action)) {
        CHECK(on_envelope());
    } else {
        if (!command_.recipient) return fail(Errc::invalid_argument, "a recipient is needed");
        Recipient* r = e().recipient(*command_.recipient);
        if (r == nullptr)
            return fail(Errc::not_found, fmt::format("the envelope has no recipient {}",
                                                     command_.recipient->text()));
        CHECK(on_recipient(*r));
    }
    if (!changed_) return Transition{e(), {}, false};
    settle();
    return finish();
}

Result<> Step::on_envelope() {
    switch (command_.action) {
        case Action::send:
            return send();
        case Action::attached:
            return attach();
        case Action::expired:
            return expire();
        case Action::voided:
            if (e().state == EnvelopeState::sealing) return refuse("everybody has signed already");
            return end(EnvelopeState::voided, EventType::envelope_voided);
        case Action::failed:
            return end(EnvelopeState::failed, EventType::envelope_failed);
        case Action::deleted:
            if (!in({EnvelopeState::draft}))
                return refuse("only a draft can be deleted; withdraw what was sent");
            return end(EnvelopeState::voided, EventType::envelope_deleted);
        case Action::returned:
            if (e().state == EnvelopeState::returned) return changed_ = false, Result<>{};
            if (!in({EnvelopeState::sent, EnvelopeState::in_progress})) return refuse_state();
            e().state = EnvelopeState::returned;
            e().reason = command_.reason;
            emit(EventType::envelope_returned);
            return {};
        case Action::resubmitted:
            if (!in({EnvelopeState::returned})) return refuse_state();
            e().state = EnvelopeState::sent;
            e().reason.clear();
            emit(EventType::envelope_resubmitted);
            return {};
        default:
            return fail(Errc::internal, "not an action of an envelope");
    }
}

Result<> Step::send() {
    if (in({EnvelopeState::sent, EnvelopeState::in_progress})) return changed_ = false, Result<>{};
    if (!in({EnvelopeState::draft})) return refuse_state();
    if (e().file(FileKind::original) == nullptr)
        return refuse("it has no file; upload one with POST /v1/files and name it in the envelope");
    if (std::ranges::none_of(e().recipients, must_act))
        return refuse("it has no recipient who signs or approves");
    if (e().expires_at && *e().expires_at <= now_)
        return refuse("its expiry lies in the past: " + to_rfc3339(*e().expires_at));
    e().state = EnvelopeState::sent;
    e().sent_at = at_;
    emit(EventType::envelope_sent);
    return {};
}

Result<> Step::on_recipient(Recipient& r) {
    const bool acted = has_acted(r) || r.state == RecipientState::declined;
    const auto repeats = [&](RecipientState state) { return r.state == state; };
    switch (command_.action) {
        case Action::signed_:
            if (repeats(RecipientState::signed_)) return changed_ = false, Result<>{};
            break;
        case Action::approved:
            if (repeats(RecipientState::approved)) return changed_ = false, Result<>{};
            break;
        case Action::declined:
            if (repeats(RecipientState::declined)) return changed_ = false, Result<>{};
            break;
        case Action::viewed:
            // Reading again after signing is no news, whatever became of the envelope.
            if (acted || r.viewed_at) return changed_ = false, Result<>{};
            break;
        default:
            break;
    }
    if (!in({EnvelopeState::sent, EnvelopeState::in_progress})) return refuse_state();
    if (r.state == RecipientState::removed) return refuse("the recipient was removed");
    if (acted)
        return refuse(fmt::format("the recipient has already {}", blotter::to_text(r.state)));
    switch (command_.action) {
        case Action::notified:
            if (r.notified_at) return changed_ = false, Result<>{};
            r.notified_at = at_;
            if (r.state == RecipientState::created || r.state == RecipientState::delivery_failed)
                r.state = RecipientState::notified;
            r.reason.clear();
            emit(EventType::recipient_notified, r.id);
            return {};
        case Action::delivery_failed:
            return deliver_failed(r);
        case Action::viewed:
            return see(r, RecipientState::viewed, EventType::recipient_viewed);
        case Action::authenticated:
            r.authenticated_at = at_;
            return see(r, RecipientState::authenticated, EventType::recipient_authenticated);
        case Action::authentication_failed:
            emit(EventType::recipient_authentication_failed, r.id);
            return {};
        case Action::started:
            return see(r, RecipientState::started, EventType::recipient_started);
        case Action::signed_:
            if (r.role != RecipientRole::signer) return refuse("the recipient is no signer");
            return act(r, RecipientState::signed_, EventType::recipient_signed);
        case Action::approved:
            if (r.role != RecipientRole::approver) return refuse("the recipient is no approver");
            return act(r, RecipientState::approved, EventType::recipient_approved);
        case Action::declined:
            return decline(r);
        case Action::reminded:
            emit(EventType::recipient_reminded, r.id);
            emit(EventType::envelope_reminder_sent);
            return {};
        case Action::reassigned:
            return reassign(r);
        case Action::removed:
            return remove(r);
        default:
            return fail(Errc::internal, "not an action of a recipient");
    }
}

Result<> Step::deliver_failed(Recipient& r) {
    r.state = RecipientState::delivery_failed;
    r.reason = command_.reason;
    r.notified_at.reset();
    emit(EventType::recipient_delivery_failed, r.id);
    return {};
}

Result<> Step::see(Recipient& r, RecipientState state, EventType type) {
    e().state = EnvelopeState::in_progress;
    if (!command_.presence.ip.empty() || !command_.presence.method.empty())
        r.presence = command_.presence;
    const bool first_sight = !r.viewed_at && state == RecipientState::viewed;
    if (first_sight) r.viewed_at = at_;
    r.state = std::max(r.state, state);
    emit(type, r.id);
    const auto seen = [](const Recipient& other) { return !must_act(other) || other.viewed_at; };
    if (first_sight && must_act(r) && std::ranges::all_of(e().recipients, seen))
        emit(EventType::envelope_delivered);
    return {};
}

Result<> Step::act(Recipient& r, RecipientState state, EventType type) {
    for (const Recipient& other : e().recipients)
        if (must_act(other) && other.order < r.order && !has_acted(other))
            return refuse(fmt::format("it is not this recipient's turn: {} (order {}) comes first",
                                      other.id.text(), other.order));
    e().state = EnvelopeState::in_progress;
    r.state = state;
    r.acted_at = at_;
    if (!command_.presence.ip.empty() || !command_.presence.method.empty())
        r.presence = command_.presence;
    emit(type, r.id);
    if (!missing_recipients(e()).empty()) {
        emit(EventType::envelope_partially_signed, r.id);
        return {};
    }
    emit(EventType::envelope_all_signed);
    e().state = EnvelopeState::sealing;
    return {};
}

Result<> Step::decline(Recipient& r) {
    if (!must_act(r)) return refuse("only a signer or an approver can decline");
    r.state = RecipientState::declined;
    r.acted_at = at_;
    r.reason = command_.reason;
    if (!command_.presence.ip.empty()) r.presence = command_.presence;
    emit(EventType::recipient_declined, r.id);
    e().state = EnvelopeState::declined;
    e().ended_at = at_;
    e().reason = command_.reason;
    emit(EventType::envelope_declined, r.id);
    return {};
}

Result<> Step::reassign(Recipient& r) {
    if (!command_.successor) return fail(Errc::invalid_argument, "the successor is missing");
    r.name = command_.successor->name;
    r.email = command_.successor->email;
    r.phone = command_.successor->phone;
    r.state = RecipientState::created;
    r.notified_at.reset();
    r.viewed_at.reset();
    r.authenticated_at.reset();
    r.presence = {};
    emit(EventType::recipient_reassigned, r.id);
    emit(EventType::envelope_corrected);
    return {};
}

Result<> Step::remove(Recipient& r) {
    const auto others = std::ranges::count_if(e().recipients, [&](const Recipient& other) {
        return must_act(other) && other.id != r.id;
    });
    if (others == 0) return refuse("nobody would be left to sign");
    r.state = RecipientState::removed;
    emit(EventType::recipient_removed, r.id);
    emit(EventType::envelope_corrected);
    if (missing_recipients(e()).empty()) {
        emit(EventType::envelope_all_signed);
        e().state = EnvelopeState::sealing;
    }
    return {};
}

Result<> Step::attach() {
    const bool sealing = e().state == EnvelopeState::sealing;
    for (const EnvelopeFile& file : command_.files) {
        const bool evidence =
            file.kind == FileKind::signed_pdf || file.kind == FileKind::audit_trail;
        if (evidence && !sealing) {
            std::string names;
            for (const Recipient* r : missing_recipients(e()))
                names += (names.empty() ? "" : ", ") + r->id.text();
            return refuse(names.empty()
                              ? fmt::format("the envelope is {}", blotter::to_text(e().state))
                              : "these have not signed yet: " + names);
        }
        const EnvelopeFile* known = e().file(file.kind);
        if (evidence && known != nullptr && known->sha256 != file.sha256)
            return refuse(fmt::format("another {} is stored already", blotter::to_text(file.kind)));
        if (evidence && known != nullptr) continue;
        e().files.push_back(file);
        if (file.kind == FileKind::audit_trail) emit(EventType::evidence_ready);
    }
    return {};
}

Result<> Step::end(EnvelopeState state, EventType type) {
    e().state = state;
    e().ended_at = at_;
    e().reason = command_.reason;
    emit(type);
    return {};
}

Result<> Step::expire() {
    if (!in({EnvelopeState::sent, EnvelopeState::in_progress, EnvelopeState::returned}))
        return refuse_state();
    if (!e().expires_at || *e().expires_at > now_) return refuse("its time has not come");
    for (const Recipient* missing : missing_recipients(e())) {
        e().recipient(missing->id)->state = RecipientState::expired;
        emit(EventType::recipient_expired, missing->id);
    }
    e().state = EnvelopeState::expired;
    e().ended_at = *e().expires_at;
    emit(EventType::envelope_expired);
    return {};
}

/// Completion follows from what is there, whichever report came last.
void Step::settle() {
    if (e().state != EnvelopeState::sealing) return;
    const bool signed_pdf = e().file(FileKind::signed_pdf) != nullptr;
    const bool audit_trail = e().file(FileKind::audit_trail) != nullptr;
    out_.audit_trail_missing = signed_pdf && !audit_trail;
    if (!signed_pdf || !audit_trail) return;
    e().state = EnvelopeState::completed;
    e().completed_at = now_;
    e().ended_at = now_;
    emit(EventType::envelope_completed);
}

Transition Step::finish() {
    e().updated_at = now_;
    ++e().version;
    if (emitted_.empty()) note(to_text(command_.action), command_.recipient);
    for (const Emitted& event : emitted_) note(blotter::to_text(event.type), event.recipient);
    for (const Emitted& event : emitted_) {
        EventDraft draft;
        draft.type = event.type;
        // An expiry happened when the time was up, not when the program looked.
        draft.occurred_at = at_;
        if (event.type == EventType::envelope_expired || event.type == EventType::recipient_expired)
            draft.occurred_at = *e().expires_at;
        if (event.type == EventType::envelope_completed) draft.occurred_at = *e().completed_at;
        draft.envelope = e().id;
        if (e().no != 0) draft.envelope_no = e().no;
        if (e().entity_no) draft.entity_nos.push_back(*e().entity_no);
        draft.data = event_data(e(), event.type, event.recipient);
        out_.events.push_back(std::move(draft));
    }
    return std::move(out_);
}

}  // namespace

std::string_view to_text(Action action) {
    return action_names[static_cast<std::size_t>(action)];
}

std::vector<const Recipient*> missing_recipients(const Envelope& envelope) {
    std::vector<const Recipient*> out;
    for (const Recipient& r : envelope.recipients)
        if (must_act(r) && !has_acted(r)) out.push_back(&r);
    // Pointers into one vector: the address keeps the given order among equals.
    std::ranges::sort(out, {}, [](const Recipient* r) { return std::pair{r->order, r}; });
    return out;
}

bool is_deleted(const Envelope& envelope) {
    return envelope.state == EnvelopeState::voided && !envelope.notes.empty() &&
           envelope.notes.back().what == blotter::to_text(EventType::envelope_deleted);
}

Result<Transition> apply(const Envelope& envelope, const Command& command, Timestamp now) {
    return Step{envelope, command, now}.run();
}

Result<Transition> create(Envelope draft, Timestamp now) {
    if (draft.title.empty()) return fail(Errc::invalid_argument, "a title is needed", "/title");
    if (draft.expires_at && *draft.expires_at <= now)
        return fail(Errc::invalid_argument, "the expiry lies in the past", "/expires_at");
    std::set<RecipientId> ids;
    for (const Recipient& r : draft.recipients)
        if (!ids.insert(r.id).second)
            return fail(Errc::invalid_argument, "two recipients have the same id", "/recipients");
    draft.state = EnvelopeState::draft;
    draft.created_at = now;
    draft.updated_at = now;
    draft.version = 1;
    draft.notes.push_back({now, "envelope.created", std::nullopt, {}, ""});
    Transition out;
    EventDraft event;
    event.type = EventType::envelope_created;
    event.occurred_at = now;
    event.envelope = draft.id;
    if (draft.entity_no) event.entity_nos.push_back(*draft.entity_no);
    event.data = event_data(draft, event.type, std::nullopt);
    out.events.push_back(std::move(event));
    out.next = std::move(draft);
    return out;
}

}  // namespace blotter::envelopes
