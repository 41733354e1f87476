#include "intake/intake.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "routing/plan.hpp"
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
        return Accepted{row->id, seq, row->accepted_at, row->plan.size(), true};
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
                               std::vector<Fresh>& fresh, std::vector<Waiting>& due) {
    for (const routing::TargetPtr& target : plan) {
        const Destination& destination = target->destination;
        const bool enabled = destination.state == DestinationState::enabled;
        // Ordered deliveries are numbered by their rows, so they have one from the start.
        const bool ordered = destination.limits.order != OrderPolicy::none;
        if (enabled && !ordered && !parts_.sink.is_backlogged(destination.no)) {
            fresh.push_back({nullptr, target});
            continue;
        }
        store::NewDelivery row;
        row.id = parts_.entropy.id<DeliveryId>(facts.accepted_at);
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
        TRY(const auto no, store::insert_delivery(tx.db(), row));
        const auto order = ordered ? static_cast<std::uint64_t>(facts.envelope_no.value_or(0)) : 0;
        if (enabled && no) due.push_back({destination.no, *no, facts.accepted_at, order});
    }
    return {};
}

/// The draft's data moves into the facts; the entities that its metadata names join the draft's.
std::shared_ptr<connectors::EventFacts> Intake::make_facts(const routing::WorkspaceFacts& workspace,
                                                           EventDraft& draft, Timestamp now) {
    auto facts = std::make_shared<connectors::EventFacts>();
    facts->id = draft.id.value_or(EventId{});
    if (!draft.id) facts->id = parts_.entropy.id<EventId>(now);
    facts->type = draft.type;
    facts->occurred_at = draft.occurred_at;
    facts->accepted_at = now;
    facts->workspace_no = workspace.no;
    facts->workspace_id = workspace.id.text();
    facts->envelope_no = draft.envelope_no;
    for (const std::int64_t no :
         routing::entities_in_metadata(parts_.directory.get(), workspace.no, draft.data))
        if (std::ranges::find(draft.entity_nos, no) == draft.entity_nos.end())
            draft.entity_nos.push_back(no);
    if (!draft.entity_nos.empty())
        if (const auto* entity =
                parts_.directory.get().entity(workspace.no, draft.entity_nos.front()))
            facts->entity_id = entity->id.text();
    facts->data = std::move(draft.data);
    return facts;
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

Result<Accepted> Intake::accept(store::Tx& tx, std::int64_t workspace_no, EventDraft draft,
                                const AcceptOptions& options) {
    if (draft.id || options.idempotency_key) {
        TRY(const auto repeated, find_repeated(tx, workspace_no, draft, options));
        if (repeated) return *repeated;
    }
    const routing::Directory& directory = parts_.directory.get();
    const routing::WorkspaceFacts* workspace = directory.workspace(workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "the workspace does not exist");
    const Timestamp now = parts_.clock.wall();

    const auto facts = make_facts(*workspace, draft, now);
    const routing::Subject subject{workspace_no, facts->type, facts->occurred_at, &draft.entity_nos,
                                   &facts->data};
    const std::vector<routing::TargetPtr> plan = routing::plan(directory, subject);
    std::vector<std::int64_t> plan_nos;
    plan_nos.reserve(plan.size());
    for (const auto& target : plan) plan_nos.push_back(target->destination.no);

    TRY(const security::DataKey key, key_of(tx, *workspace, draft, facts->id));
    facts->payload = std::make_shared<const std::string>(connectors::canonical_payload(*facts));
    const std::string& payload = *facts->payload;
    const Bytes sealed = parts_.keys.vault().seal_payload(key, event_cell(workspace->id, facts->id),
                                                          as_bytes(payload));
    const Digest commitment = parts_.keys.vault().commit(key, as_bytes(payload));

    TRY(const std::int64_t log_no, parts_.book.log_of(tx, workspace->id, workspace_no, now));
    TRY(const std::uint64_t leaf_no, parts_.book.next(tx, log_no));

    store::NewEvent row;
    row.id = facts->id;
    row.workspace_no = workspace_no;
    row.type = facts->type;
    row.envelope_no = draft.envelope_no;
    row.document_no = draft.document_no;
    row.entity_nos = draft.entity_nos;
    row.occurred_at = facts->occurred_at;
    row.accepted_at = now;
    if (draft.id) row.request_hash = options.request_hash;
    row.log_no = log_no;
    row.leaf = static_cast<std::int64_t>(leaf_no);
    row.plan = plan_nos;
    row.payload = sealed;
    TRY(facts->seq, store::insert_event(tx.db(), row));
    if (options.idempotency_key) {
        const Digest hashed = event_key_hash(*options.idempotency_key);
        CHECK(store::insert_event_key(tx.db(), {workspace_no, hashed},
                                      {facts->seq, options.request_hash.value_or(Digest{})}));
    }

    std::vector<Fresh> fresh;
    std::vector<Waiting> due;
    CHECK(write_waiting(tx, *facts, plan, fresh, due));
    for (Fresh& one : fresh) one.event = facts;

    CHECK(parts_.book.append(
        tx, log_no,
        ledger::event_leaf(leaf_no, now, facts->workspace_id, {facts->id, commitment})));
    tx.after_commit([this, seq = facts->seq, fresh = std::move(fresh), due = std::move(due),
                     planned = !plan.empty()]() mutable {
        if (planned) parts_.sink.accepted(seq, std::move(fresh));
        for (const Waiting& one : due)
            parts_.sink.due(one.destination_no, one.delivery_no, one.at, one.order_key);
    });
    return Accepted{facts->id, facts->seq, now, plan.size(), false};
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
    TRY(out.workspace_keys, store::list_data_keys(db, out.row.workspace_no, 1'000));
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
