#include "intake/intake.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/documents.hpp"
#include "store/tables/envelope_ids.hpp"
#include "store/tables/envelopes.hpp"
#include "store/tables/events.hpp"

namespace blotter::intake {

Digest event_key_hash(std::string_view key) {
    return sha256(key);
}

void DirectoryHolder::change(store::Tx& tx, routing::Directory next) {
    routing::DirectoryPtr before = staged_;
    staged_ = std::make_shared<const routing::Directory>(std::move(next));
    tx.after_commit([this] {
        // Several changes of one group are published once, with the last of them.
        if (!staged_) return;
        current_ = std::exchange(staged_, nullptr);
        publish_(current_);
    });
    // Undone work is undone at once and in reverse order, so this is what the others staged.
    tx.after_rollback([this, before = std::move(before)] { staged_ = before; });
}

Result<std::optional<Accepted>> Intake::find_repeated(store::Tx& tx, std::int64_t workspace_no,
                                                      const EventDraft& draft,
                                                      const AcceptOptions& options) {
    const auto answer = [&](std::int64_t seq, bool same,
                            std::string_view what) -> Result<std::optional<Accepted>> {
        if (!same)
            return fail(Errc::conflict,
                        fmt::format("the {} was used before for another event; use a "
                                    "new one, or send exactly the same body again",
                                    what));
        TRY(const auto row, store::load_event(tx.db(), seq, store::Payload::skip));
        if (!row) return fail(Errc::corrupt, "a known event is missing");
        return Accepted{row->id, seq, row->accepted_at, row->plan.destination_nos.size(), true};
    };
    if (options.idempotency_key) {
        const Digest hashed = event_key_hash(*options.idempotency_key);
        const store::EventKey key{workspace_no, hashed};
        TRY(const auto found, store::find_event_key(tx.db(), key));
        if (found)
            return answer(found->event_seq, found->request_hash == options.request_hash,
                          "Idempotency-Key");
    }
    if (draft.id) {
        TRY(const auto found, store::find_event(tx.db(), workspace_no, *draft.id));
        if (found)
            return answer(found->seq, found->request_hash == options.request_hash, "event id");
    }
    return std::nullopt;
}

Result<> Intake::write_waiting(store::Tx& tx, const connectors::EventFacts& facts,
                               const std::vector<routing::TargetPtr>& plan,
                               std::int64_t first_delivery, std::vector<Fresh>& fresh,
                               std::vector<Waiting>& due) {
    fresh.reserve(plan.size());
    std::int64_t next = first_delivery;
    for (const routing::TargetPtr& target : plan) {
        const std::int64_t no = next++;
        const Destination& destination = target->destination;
        const bool enabled = destination.state == DestinationState::enabled;
        // Ordered deliveries are numbered by their rows, so they have one from the start.
        const bool ordered = destination.limits.order != OrderPolicy::none;
        if (enabled && !ordered && !parts_.sink.is_backlogged(destination.no)) {
            fresh.push_back({nullptr, target, no});
            continue;
        }
        store::NewDelivery row;
        row.no = no;
        row.event_seq = facts.seq;
        row.destination_no = destination.no;
        row.workspace_no = facts.workspace_no;
        row.created_at = facts.accepted_at;
        row.state = enabled ? store::DeliveryState::queued : store::DeliveryState::held;
        if (enabled)
            row.next_at = facts.accepted_at;
        else
            row.reason = destination.state == DestinationState::paused ? "destination_paused"
                                                                       : "destination_disabled";
        CHECK(store::insert_delivery(tx.db(), row));
        const auto key = facts.order_key.value_or(facts.envelope_no.value_or(0));
        const auto order = ordered ? static_cast<std::uint64_t>(key) : 0;
        if (enabled) due.push_back({destination.no, no, facts.accepted_at, order});
    }
    return {};
}

/// The key of whose data it is.
Result<security::DataKey> Intake::key_of(store::Tx& tx, const routing::WorkspaceFacts& workspace,
                                         const EventDraft& draft, const EventId& id) {
    const Timestamp now = parts_.clock.wall();
    CHECK(parts_.keys.ensure(tx, workspace.id, workspace.no, now));
    const Uuid subject = draft.envelope   ? draft.envelope->value
                         : draft.document ? draft.document->value
                                          : id.value;
    // An id that was drawn just now has no key yet: nobody needs to look.
    const bool drawn = !draft.id && !draft.envelope && !draft.document;
    const auto age = drawn ? Keyring::Age::fresh : Keyring::Age::unknown;
    return parts_.keys.subject(tx, {workspace.id, workspace.no, subject, age}, now);
}

/// An event that names a subsidiary wrongly, or that a filter cannot judge, is taken, and somebody
/// must hear of it: else a destination would miss it for ever. The values themselves are the
/// caller's: they are in the event, and not repeated in the clear.
Result<> Intake::alert_unclear(store::Tx& tx, const connectors::EventFacts& facts,
                               const Described& described) {
    const routing::Plan& plan = described.plan;
    const auto raise = [&](std::string_view kind, const std::string& subject,
                           json::Object detail) -> Result<> {
        detail.append("event_id", facts.id.text());
        const std::string text = json::to_text(detail);
        CHECK(store::raise_alert(tx.db(), {.id = parts_.entropy.id<AlertId>(facts.accepted_at),
                                           .workspace_no = facts.workspace_no,
                                           .kind = kind,
                                           .subject = subject,
                                           .detail = text,
                                           .at = facts.accepted_at}));
        return {};
    };
    for (const std::string& key : described.unclear_keys)
        CHECK(raise("entity_unknown", key, json::Object{{"metadata_key", key}}));
    if (!plan.unclear.empty())
        tx.after_commit([this, count = plan.unclear.size()] { filter_errors_.add(count); });
    for (const routing::Plan::Unclear& one : plan.unclear) {
        const Destination& destination = one.target->destination;
        CHECK(raise("filter_failed", destination.id.text(),
                    json::Object{{"destination_id", destination.id.text()},
                                 {"destination_name", destination.name},
                                 {"problem", one.problem}}));
    }
    return {};
}

/// What was prepared elsewhere, if it holds; else the same made here.
Result<std::unique_ptr<Prepared>> Intake::settle(store::Tx& tx,
                                                 const routing::WorkspaceFacts& workspace,
                                                 EventDraft& draft,
                                                 std::unique_ptr<Prepared> prepared,
                                                 Timestamp now) {
    const routing::Directory& directory = parts_.directory.get();
    if (prepared && prepared->directory.get() == &directory && is_preparable(draft)) {
        CHECK(parts_.keys.keep_subject(tx, workspace.no, prepared->described.facts->id.value,
                                       std::move(prepared->wrapped_key), now));
        return prepared;
    }
    if (prepared && draft.data.is_null()) {
        TRY(draft.data, connectors::data_of(*prepared->described.facts->payload));
    }
    auto out = std::make_unique<Prepared>();
    out->described = describe(directory, workspace, draft, parts_.entropy, now);
    TRY(const security::DataKey key, key_of(tx, workspace, draft, out->described.facts->id));
    seal(*out, draft.data, parts_.keys.vault(), key, workspace.id);
    return out;
}

Result<Accepted> Intake::accept(store::Tx& tx, std::int64_t workspace_no, EventDraft&& draft,
                                AcceptOptions options) {
    if (draft.id || options.idempotency_key) {
        TRY(const auto repeated, find_repeated(tx, workspace_no, draft, options));
        if (repeated) return *repeated;
    }
    const routing::WorkspaceFacts* workspace = parts_.directory.get().workspace(workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "the workspace does not exist");
    const Timestamp now = parts_.clock.wall();

    TRY(const std::unique_ptr<const Prepared> event,
        settle(tx, *workspace, draft, std::move(options.prepared), now));
    const auto& facts = event->described.facts;
    const routing::Plan& plan = event->described.plan;
    facts->accepted_at = now;
    facts->data = std::move(draft.data);
    std::vector<std::int64_t> plan_nos;
    plan_nos.reserve(plan.targets.size());
    for (const auto& target : plan.targets) plan_nos.push_back(target->destination.no);

    TRY(const std::int64_t log_no, parts_.book.log_of(tx, workspace->id, workspace_no, now));
    TRY(const std::uint64_t leaf_no, parts_.book.next(tx, log_no));

    store::NewEvent row;
    row.id = facts->id;
    row.workspace_no = workspace_no;
    row.type = facts->type;
    row.envelope_no = draft.envelope_no;
    row.document_no = draft.document_no;
    row.entity_nos = event->described.entity_nos;
    row.occurred_at = facts->occurred_at;
    row.accepted_at = now;
    if (draft.id) row.request_hash = options.request_hash;
    row.log_no = log_no;
    row.leaf = static_cast<std::int64_t>(leaf_no);
    row.plan = plan_nos;
    if (!plan_nos.empty()) {
        TRY(row.first_delivery, delivery_numbers_.take(tx, plan_nos));
    }
    row.order_key = facts->order_key;
    row.payload = event->sealed;
    TRY(facts->seq, store::insert_event(tx.db(), row));
    if (options.idempotency_key) {
        const Digest hashed = event_key_hash(*options.idempotency_key);
        CHECK(store::insert_event_key(tx.db(), {workspace_no, hashed},
                                      {facts->seq, options.request_hash.value_or(Digest{})}));
    }

    CHECK(alert_unclear(tx, *facts, event->described));

    std::vector<Fresh> fresh;
    std::vector<Waiting> due;
    CHECK(write_waiting(tx, *facts, plan.targets, row.first_delivery, fresh, due));
    for (Fresh& one : fresh) one.event = facts;

    TRY(const std::string entry,
        ledger::event_entry(leaf_no, now, facts->workspace_id, {facts->id, event->commitment}));
    CHECK(parts_.book.append(tx, log_no, leaf_no, as_bytes(entry)));
    tx.after_commit([this, seq = facts->seq, fresh = std::move(fresh), due = std::move(due),
                     planned = !plan.targets.empty()]() mutable {
        if (planned) parts_.sink.accepted(seq, std::move(fresh));
        for (const Waiting& one : due)
            parts_.sink.due(one.destination_no, one.delivery_no, one.at, one.order_key);
    });
    return Accepted{facts->id, facts->seq, now, plan.targets.size(), false};
}

Result<> Intake::note(store::Tx& tx, std::int64_t workspace_no, ledger::LeafKind kind,
                      std::map<std::string, ledger::LeafValue, std::less<>> members) {
    const Timestamp now = parts_.clock.wall();
    ledger::Leaf leaf;
    leaf.kind = kind;
    leaf.at = now;
    leaf.members = std::move(members);
    std::int64_t log_no = 0;
    if (workspace_no == installation_no) {
        leaf.tenant = "root";
        TRY(log_no, parts_.book.log_of(tx, std::nullopt, std::nullopt, now));
    } else {
        const routing::WorkspaceFacts* workspace = parts_.directory.get().workspace(workspace_no);
        if (workspace == nullptr) return fail(Errc::not_found, "the workspace does not exist");
        leaf.tenant = workspace->id.text();
        TRY(log_no, parts_.book.log_of(tx, workspace->id, workspace_no, now));
    }
    TRY(leaf.number, parts_.book.next(tx, log_no));
    return parts_.book.append(tx, log_no, leaf);
}

Result<std::string> Intake::commit_to(store::Tx& tx, std::int64_t workspace_no, const Uuid& subject,
                                      std::string_view text) {
    const routing::WorkspaceFacts* workspace = parts_.directory.get().workspace(workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "the workspace does not exist");
    const Timestamp now = parts_.clock.wall();
    CHECK(parts_.keys.ensure(tx, workspace->id, workspace_no, now));
    TRY(const security::DataKey key,
        parts_.keys.subject(tx, {workspace->id, workspace_no, subject}, now));
    return to_hex(parts_.keys.vault().commit(key, as_bytes(text)));
}

Result<Uuid> subject_of(sql::Connection& db, const store::EventRow& event) {
    if (event.envelope_no) {
        TRY(const auto envelope, store::load_envelope_id(db, *event.envelope_no));
        if (!envelope) return fail(Errc::corrupt, "an event's envelope is missing");
        return envelope->value;
    }
    if (event.document_no) {
        TRY(const auto document, store::load_document_id(db, *event.document_no));
        if (!document) return fail(Errc::corrupt, "an event's document is missing");
        return document->value;
    }
    return event.id.value;
}

Result<std::optional<Timestamp>> erased_at(sql::Connection& db, const store::EventRow& event) {
    TRY(const Uuid subject, subject_of(db, event));
    TRY(const auto key, store::find_subject_key(db, event.workspace_no, subject));
    if (!key) return std::nullopt;
    return key->destroyed_at;
}

Result<SealedEvent> load_sealed_event(sql::Connection& db, std::int64_t seq) {
    SealedEvent out;
    TRY(auto row, store::load_event(db, seq, store::Payload::read));
    if (!row) return fail(Errc::not_found, "the event is no longer kept");
    out.row = std::move(*row);
    TRY(out.subject, subject_of(db, out.row));
    TRY(out.key, store::find_subject_key(db, out.row.workspace_no, out.subject));
    TRY(out.workspace_keys, store::list_data_keys(db, out.row.workspace_no));
    return out;
}

Result<connectors::EventFacts> open_event(Keyring& keys, const WorkspaceId& workspace,
                                          const SealedEvent& sealed) {
    TRY(const security::DataKey key,
        keys.open_subject(workspace, sealed.subject, sealed.key, sealed.workspace_keys));
    const store::EventRow& row = sealed.row;
    TRY(const Bytes plain,
        keys.vault().open_payload(key, event_cell(workspace, row.id), row.payload));
    TRY(json::Value body, json::parse(as_text(plain), {.bytes_max = 16 << 20}));
    connectors::EventFacts facts;
    facts.seq = row.seq;
    facts.id = row.id;
    facts.type = row.type;
    facts.occurred_at = row.occurred_at;
    facts.accepted_at = row.accepted_at;
    facts.workspace_no = row.workspace_no;
    facts.workspace_id = workspace.text();
    if (const json::Value* entity = body.find("entity_id"))
        if (const std::string* text = entity->as_string()) facts.entity_id = *text;
    facts.envelope_no = row.envelope_no;
    facts.payload = std::make_shared<const std::string>(as_text(plain));
    if (json::Object* object = body.as_object())
        if (json::Value* data = object->find("data")) facts.data = std::move(*data);
    return facts;
}

}  // namespace blotter::intake
