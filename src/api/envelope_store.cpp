#include "api/envelope_store.hpp"

#include <algorithm>

#include "envelopes/codec.hpp"
#include "store/tables/files.hpp"

namespace blotter::api {
namespace {

std::unexpected<Error> no_such_envelope() {
    return fail(Errc::not_found, "there is no such envelope in this workspace");
}

store::EnvelopeRow row_of(const Envelope& e) {
    store::EnvelopeRow row;
    copy_columns(e, row);
    row.expires_at = e.expires_at;
    row.completed_at = e.completed_at;
    return row;
}

Bytes seal(intake::Keyring& keys, const WorkspaceId& workspace, const security::DataKey& key,
           const Envelope& envelope) {
    return seal_json(keys, intake::envelope_cell(workspace, envelope.id), key,
                     envelopes::to_document(envelope));
}

Result<Envelope> open(intake::Keyring& keys, const WorkspaceId& workspace,
                      const security::DataKey& key, const store::EnvelopeRow& row) {
    TRY(const json::Value document,
        open_json(keys, intake::envelope_cell(workspace, row.id), key, row.document));
    Envelope out;
    copy_columns(row, out);
    out.expires_at = row.expires_at;
    out.completed_at = row.completed_at;
    CHECK(envelopes::from_document(document, out));
    return out;
}

/// Writes down which files an envelope names, those that it did not name before.
Result<> note_uses(store::Tx& tx, const Envelope& envelope, const Envelope* before) {
    for (const EnvelopeFile& file : envelope.files) {
        const bool known =
            before != nullptr &&
            std::ranges::find(before->files, file.id, &EnvelopeFile::id) != before->files.end();
        if (!known) CHECK(store::use_file(tx.db(), file.id, envelope.id.value));
    }
    return {};
}

Result<> accept_all(store::Tx& tx, WriterSide& side, const Envelope& envelope,
                    std::vector<EventDraft> events) {
    for (EventDraft& event : events) {
        event.envelope = envelope.id;
        event.envelope_no = envelope.no;
        CHECK(side.intake.accept(tx, envelope.workspace_no, std::move(event)));
        tx.after_commit([&counter = side.events.accepted] { counter.add(); });
    }
    return {};
}

}  // namespace

json::Value view_of(const Envelope& envelope, const routing::Directory& directory) {
    json::Value out = envelopes::to_view(envelope);
    if (envelope.entity_no)
        if (const auto* entity = directory.entity(envelope.workspace_no, *envelope.entity_no))
            out.as_object()->append("entity_id", entity->id.text());
    return out;
}

Result<Envelope> insert_envelope(store::Tx& tx, WriterSide& side,
                                 const routing::WorkspaceFacts& workspace, Envelope draft) {
    const Timestamp now = side.clock().wall();
    draft.id = side.entropy().id<EnvelopeId>(now);
    draft.workspace_no = workspace.no;
    for (Recipient& recipient : draft.recipients)
        recipient.id = side.entropy().id<RecipientId>(now);
    TRY(envelopes::Transition made, envelopes::create(std::move(draft), now));
    CHECK(side.keys().ensure(tx, workspace.id, workspace.no, now));
    TRY(const security::DataKey key,
        side.keys().subject(tx, {workspace.id, workspace.no, made.next.id.value}, now));
    store::EnvelopeRow row = row_of(made.next);
    row.document = seal(side.keys(), workspace.id, key, made.next);
    TRY(made.next.no, store::insert_envelope(tx.db(), row));
    CHECK(note_uses(tx, made.next, nullptr));
    CHECK(accept_all(tx, side, made.next, std::move(made.events)));
    return std::move(made.next);
}

Result<Envelope> change_envelope(store::Tx& tx, WriterSide& side, const EnvelopePlace& place,
                                 const envelopes::Command& command) {
    const auto* workspace = side.directory().get().workspace(place.workspace_no);
    if (workspace == nullptr) return no_such_envelope();
    const Timestamp now = side.clock().wall();
    TRY(const auto row, store::find_envelope(tx.db(), place.workspace_no, place.id));
    if (!row) return no_such_envelope();
    if (place.version && *place.version != row->version)
        return fail(Errc::precondition_failed, "the envelope has changed meanwhile");
    CHECK(side.keys().ensure(tx, workspace->id, workspace->no, now));
    TRY(const security::DataKey key,
        side.keys().subject(tx, {workspace->id, workspace->no, place.id.value}, now));
    TRY(Envelope before, open(side.keys(), workspace->id, key, *row));
    if (envelopes::is_deleted(before)) return no_such_envelope();
    TRY(envelopes::Transition step, envelopes::apply(before, command, now));
    if (step.next.version == before.version) return before;
    if (step.audit_trail_missing)
        return fail(Errc::precondition_failed, "the audit trail is missing");
    store::EnvelopeRow changed = row_of(step.next);
    changed.version = before.version;
    changed.document = seal(side.keys(), workspace->id, key, step.next);
    TRY(const auto applied, store::update_envelope(tx.db(), changed));
    // Nobody else writes: the row was read in this transaction.
    if (applied == store::Applied::no)
        return fail(Errc::internal, "an envelope changed while it was being changed");
    CHECK(note_uses(tx, step.next, &before));
    CHECK(accept_all(tx, side, step.next, std::move(step.events)));
    return std::move(step.next);
}

Result<SealedEnvelopes> load_sealed_envelope(sql::Connection& db, std::int64_t workspace_no,
                                             const EnvelopeId& id) {
    TRY(auto row, store::find_envelope(db, workspace_no, id));
    if (!row) return no_such_envelope();
    return with_keys(db, workspace_no, *std::move(row));
}

Result<Envelope> open_envelope(intake::Keyring& keys, const WorkspaceId& workspace,
                               const SealedEnvelope& sealed,
                               const std::vector<store::DataKeyRow>& workspace_keys) {
    TRY(const security::DataKey key,
        keys.open_subject(workspace, sealed.row.id.value, sealed.key, workspace_keys));
    TRY(Envelope out, open(keys, workspace, key, sealed.row));
    if (envelopes::is_deleted(out)) return no_such_envelope();
    return out;
}

}  // namespace blotter::api
