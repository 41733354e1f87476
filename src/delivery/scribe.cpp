#include "delivery/scribe.hpp"

#include <algorithm>
#include <deque>

#include "base/json.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/destinations.hpp"
#include "store/tables/events.hpp"

namespace blotter::delivery {
namespace {

store::NewDelivery row_of(const Record& r) {
    store::NewDelivery out;
    out.no = r.delivery_no;
    out.event_seq = r.event_seq;
    out.destination_no = r.destination_no;
    out.workspace_no = r.workspace_no;
    out.state = static_cast<store::DeliveryState>(r.state);
    out.next_at = r.next_at;
    out.reason = r.reason;
    out.created_at = r.accepted_at;
    return out;
}

bool raises_alert(const Effects& effects) {
    return effects.has(Effect::alert_failed) || effects.has(Effect::alert_gone) ||
           effects.has(Effect::alert_blocked) || effects.has(Effect::alert_unclear);
}

std::string_view alert_kind(const Effects& effects) {
    if (effects.has(Effect::alert_gone)) return "destination_gone";
    if (effects.has(Effect::alert_blocked)) return "destination_blocked";
    if (effects.has(Effect::alert_unclear)) return "delivery_unclear";
    return "delivery_failed";
}

std::string_view disable_reason(const Record& r) {
    if (r.effects.has(Effect::alert_gone)) return "receiver_gone";
    return r.cause.empty() ? "receiver_blocked" : std::string_view{r.cause};
}

}  // namespace

/// Its detail is a view of `packed_` where it has a form.
Result<store::AttemptResult> Scribe::result_of(store::Tx& tx, const Record& r, Timestamp now) {
    store::AttemptResult out;
    out.n = r.n;
    out.started_at = r.started_at;
    out.took = r.took;
    out.outcome = static_cast<int>(r.outcome);
    out.status = r.status;
    out.detail = as_bytes(r.detail);
    out.state = static_cast<store::DeliveryState>(r.state);
    out.next_at = r.next_at;
    out.reference = r.reference;
    out.reason = r.reason;
    if (!r.form) return out;
    const store::AttemptForm& form = *r.form;
    if (form.no == 0 || now - form.noted_at >= store::attempt_form_noted_every) {
        TRY(form.no, store::keep_attempt_form(tx.db(), form, now));
        form.noted_at = now;
        tx.after_rollback([lost = r.form] { lost->no = 0; });
    }
    store::pack_attempt(form.no, r.own, r.detail, packed_);
    out.detail = as_bytes(packed_);
    return out;
}

/// The row's number, 0 when the record came too late to change anything.
Result<std::int64_t> Scribe::write_one(store::Tx& tx, const Record& r, Timestamp now) {
    switch (r.what) {
        case Record::What::first_attempt: {
            TRY(const store::AttemptResult result, result_of(tx, r, now));
            const store::NewDelivery row = row_of(r);
            if (store::DeliveredBatch::takes(row, result)) {
                delivered_.add(row, result);
                return r.delivery_no;
            }
            TRY(const auto no, store::record_first_attempt(tx.db(), row, result));
            return no.value_or(0);
        }
        case Record::What::row: {
            TRY(const auto no, store::insert_delivery(tx.db(), row_of(r)));
            return no.value_or(0);
        }
        case Record::What::attempt: {
            TRY(const store::AttemptResult result, result_of(tx, r, now));
            TRY(const auto done, store::record_attempt(tx.db(), r.delivery_no, result));
            if (done == store::Applied::yes) return r.delivery_no;
            CHECK(store::record_late_attempt(tx.db(), r.delivery_no, result));
            return 0;
        }
        case Record::What::skip: {
            TRY(const auto next,
                store::record_wait(tx.db(),
                                   {r.delivery_no, r.started_at, r.next_at.value_or(r.started_at),
                                    static_cast<int>(OutcomeCode::circuit_open), r.reason}));
            return next ? r.delivery_no : 0;
        }
        case Record::What::change: {
            store::DeliveryChange change;
            change.no = r.delivery_no;
            change.from = static_cast<store::DeliveryState>(r.from);
            change.to = static_cast<store::DeliveryState>(r.state);
            change.next_at = r.next_at;
            change.reason = r.reason;
            TRY(const auto done, store::change_delivery(tx.db(), change));
            return done == store::Applied::yes ? r.delivery_no : 0;
        }
    }
    return fail(Errc::internal, "a delivery record of an unknown kind");
}

/// Its destination was deleted while this was under way: nothing would ever take it up again.
Result<> Scribe::write_removed(store::Tx& tx, Record record, Timestamp now) {
    record.state = DeliveryState::cancelled;
    record.next_at.reset();
    record.reason = "destination_removed";
    CHECK(write_one(tx, record, now));
    return {};
}

/// The data of its event was erased while this was under way. What happened stays on record, what
/// the receiver answered does not, and nothing more is sent.
Result<> Scribe::write_erased(store::Tx& tx, Record& record, Timestamp now) {
    record.form.reset();
    record.detail = "{}";
    if (!is_final(record.state)) {
        record.state = DeliveryState::cancelled;
        record.next_at.reset();
        record.reason = "erased";
    }
    CHECK(write_one(tx, record, now));
    return {};
}

void Scribe::erase(store::Tx& tx, const std::vector<std::int64_t>& event_seqs) {
    erased_.insert(event_seqs.begin(), event_seqs.end());
    tx.after_rollback([this, event_seqs] {
        for (const std::int64_t seq : event_seqs) erased_.erase(seq);
    });
}

Result<std::vector<Due>> Scribe::write(store::Tx& tx, const std::vector<Record>& records) {
    delivered_.clear();
    std::vector<Due> due;
    std::vector<const Record*> followed;
    std::vector<std::int64_t> settled;
    std::deque<Record> changed;
    const Timestamp now = intake_.parts().clock.wall();
    for (const Record& record : records) {
        if (!erased_.empty() && erased_.contains(record.event_seq)) {
            CHECK(write_erased(tx, changed.emplace_back(record), now));
            if (record.settles_first) settled.push_back(record.event_seq);
            if (record.effects.has(Effect::alert_gone)) followed.push_back(&changed.back());
            continue;
        }
        if (!is_final(record.state) &&
            !intake_.parts().directory.get().target(record.destination_no)) {
            CHECK(write_removed(tx, record, now));
            if (record.settles_first) settled.push_back(record.event_seq);
            continue;
        }
        TRY(const std::int64_t no, write_one(tx, record, now));
        if (record.settles_first) settled.push_back(record.event_seq);
        if (no == 0) continue;
        if (record.next_at) due.push_back({record.destination_no, no, *record.next_at});
        if (raises_alert(record.effects) || record.effects.has(Effect::disable_destination) ||
            record.outcome == OutcomeCode::address_denied)
            followed.push_back(&record);
    }
    CHECK(delivered_.write(tx.db()));
    // One batch behind on purpose: only what is committed moves it, and a restart looks twice at a
    // few events at most.
    CHECK(store::advance_watermark(tx.db(), owed_.watermark()));
    tx.after_commit([this, settled = std::move(settled)] {
        for (const std::int64_t seq : settled) owed_.settled(seq);
    });
    for (const Record* record : followed) CHECK(follow(tx, *record));
    return due;
}

Result<> Scribe::follow(store::Tx& tx, const Record& r) {
    intake::Intake::Parts& parts = intake_.parts();
    const Timestamp now = parts.clock.wall();
    const routing::TargetPtr target = parts.directory.get().target(r.destination_no);
    const std::string destination = target ? target->destination.id.text() : "";
    if (r.outcome == OutcomeCode::address_denied)
        CHECK(intake_.note(tx, r.workspace_no, ledger::LeafKind::security_denied,
                           {{"dst", destination}, {"what", r.words}}));
    if (r.effects.has(Effect::disable_destination))
        CHECK(set_state(tx, r.destination_no, blotter::DestinationState::disabled,
                        disable_reason(r)));
    if (!raises_alert(r.effects)) return {};
    json::Object detail;
    detail.append("destination_id", destination);
    if (target) detail.append("destination_name", target->destination.name);
    detail.append("attempts", static_cast<std::int64_t>(r.n));
    detail.append("last_error", r.words);
    if (!r.cause.empty()) detail.append("cause", r.cause);
    const std::string text = json::to_text(detail);
    store::NewAlert alert;
    alert.id = parts.entropy.id<AlertId>(now);
    alert.workspace_no = r.workspace_no;
    alert.kind = alert_kind(r.effects);
    alert.subject = destination;
    alert.detail = text;
    alert.at = now;
    if (r.alerted == connectors::Alert::to_raise) CHECK(store::raise_alert(tx.db(), alert));
    if (!is_final(r.state)) return {};
    TRY(const auto event, store::load_event(tx.db(), r.event_seq, store::Payload::skip));
    if (event)
        CHECK(intake_.note(tx, r.workspace_no, ledger::LeafKind::delivery_final,
                           {{"did", r.id.is_nil() ? std::to_string(r.delivery_no) : r.id.text()},
                            {"eid", event->id.text()},
                            {"outcome", std::string{to_text(r.outcome)}}}));
    return {};
}

Result<store::Applied> Scribe::set_state(store::Tx& tx, std::int64_t destination_no,
                                         blotter::DestinationState state, std::string_view reason) {
    intake::Intake::Parts& parts = intake_.parts();
    const routing::TargetPtr target = parts.directory.get().target(destination_no);
    if (!target) return fail(Errc::not_found, "there is no such destination");
    const Timestamp now = parts.clock.wall();
    TRY(const auto applied,
        store::set_destination_state(tx.db(), {destination_no, state, reason, now}));
    if (applied == store::Applied::no) return applied;
    if (state == blotter::DestinationState::enabled)
        for (const char* kind : {"destination_gone", "destination_blocked"})
            CHECK(store::resolve_alert_of(
                tx.db(), {target->destination.workspace_no, kind, target->destination.id.text()},
                "resumed", now));
    auto changed = std::make_shared<routing::Target>(*target);
    changed->destination.state = state;
    changed->destination.state_reason = reason;
    changed->destination.updated_at = now;
    ++changed->destination.version;
    const std::string what =
        json::to_text(json::Object{{"destination", target->destination.id.text()},
                                   {"reason", reason},
                                   {"state", blotter::to_text(state)}});
    TRY(const std::string commitment, intake_.commit_to(tx, target->destination.workspace_no,
                                                        target->destination.id.value, what));
    CHECK(intake_.note(tx, target->destination.workspace_no, ledger::LeafKind::destination_changed,
                       {{"c", commitment},
                        {"dst", target->destination.id.text()},
                        {"state", std::string{blotter::to_text(state)}}}));
    parts.directory.change(tx, parts.directory.get().with(routing::TargetPtr{std::move(changed)}));
    return applied;
}

}  // namespace blotter::delivery
