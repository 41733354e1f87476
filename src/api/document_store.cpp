#include "api/document_store.hpp"

#include "documents/codec.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/files.hpp"

namespace blotter::api {
namespace {

using documents::Document;

std::unexpected<Error> no_such_document() {
    return fail(Errc::not_found, "there is no such document in this workspace");
}

security::Cell cell_of(const WorkspaceId& workspace, const DocumentId& document,
                       std::string_view column) {
    return {workspace, "accounting_document", column, document.value};
}

store::DocumentRow row_of(const Document& d) {
    store::DocumentRow row;
    copy_columns(d, row);
    if (d.content.supplier) row.supplier = d.content.supplier->reference_id;
    row.validated_at = d.validated_at;
    row.sent_at = d.sent_at;
    row.started_at = d.started_at;
    row.due_at = d.due_at;
    return row;
}

Bytes seal(intake::Keyring& keys, const WorkspaceId& workspace, const security::DataKey& key,
           const Document& document) {
    return seal_json(keys, cell_of(workspace, document.id, "document"), key,
                     documents::to_stored(document));
}

Result<Document> open(intake::Keyring& keys, const WorkspaceId& workspace,
                      const security::DataKey& key, const store::DocumentRow& row) {
    TRY(const json::Value stored,
        open_json(keys, cell_of(workspace, row.id, "document"), key, row.document));
    Document out;
    copy_columns(row, out);
    out.validated_at = row.validated_at;
    out.sent_at = row.sent_at;
    out.started_at = row.started_at;
    out.due_at = row.due_at;
    CHECK(documents::from_stored(stored, out));
    return out;
}

Result<const routing::WorkspaceFacts*> workspace_of(WriterSide& side, std::int64_t workspace_no) {
    const auto* workspace = side.directory().get().workspace(workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    return workspace;
}

Result<security::DataKey> key_of(store::Tx& tx, WriterSide& side,
                                 const routing::WorkspaceFacts& workspace, const DocumentId& id) {
    const Timestamp now = side.clock().wall();
    CHECK(side.keys().ensure(tx, workspace.id, workspace.no, now));
    return side.keys().subject(tx, {workspace.id, workspace.no, id.value}, now);
}

Result<> raise(store::Tx& tx, WriterSide& side, const Document& document) {
    const Timestamp now = side.clock().wall();
    json::Object detail{{"document_id", document.id.text()}, {"status", to_text(document.state)}};
    if (document.sending.error) detail.append("reason", document.sending.error->message);
    const std::string text = json::to_text(detail);
    const std::string subject = document.id.text();
    CHECK(store::raise_alert(tx.db(), {.id = side.entropy().id<AlertId>(now),
                                       .workspace_no = document.workspace_no,
                                       .kind = not_posted_alert,
                                       .subject = subject,
                                       .detail = text,
                                       .at = now}));
    return {};
}

/// What a person was told to look at is over once the document is posted.
Result<> settle_alert(store::Tx& tx, WriterSide& side, const Document& document) {
    if (document.state != DocumentState::sent || document.sending.error) return {};
    CHECK(store::resolve_alert_of(tx.db(),
                                  {document.workspace_no, not_posted_alert, document.id.text()},
                                  "sent", side.clock().wall()));
    return {};
}

/// The original file is kept as long as the document is. So is one that was replaced: when the
/// document's data is erased, it must go as well.
Result<> note_file(store::Tx& tx, const Document& document) {
    const auto& file = document.content.file;
    if (!file) return {};
    return store::use_file(tx.db(), file->id, document.id.value);
}

}  // namespace

Result<Document> insert_document(store::Tx& tx, WriterSide& side,
                                 const routing::WorkspaceFacts& workspace, Document draft) {
    const Timestamp now = side.clock().wall();
    draft.id = side.entropy().id<DocumentId>(now);
    draft.workspace_no = workspace.no;
    Document made = documents::create(std::move(draft), now);
    TRY(const security::DataKey key, key_of(tx, side, workspace, made.id));
    store::DocumentRow row = row_of(made);
    row.document = seal(side.keys(), workspace.id, key, made);
    TRY(made.no, store::insert_document(tx.db(), row));
    CHECK(note_file(tx, made));
    return made;
}

Result<Document> load_document(store::Tx& tx, WriterSide& side, const DocumentPlace& place) {
    TRY(const auto* workspace, workspace_of(side, place.workspace_no));
    TRY(const auto row, store::find_document(tx.db(), place.workspace_no, place.id));
    if (!row) return no_such_document();
    TRY(const security::DataKey key, key_of(tx, side, *workspace, place.id));
    return open(side.keys(), workspace->id, key, *row);
}

Result<> write_step(store::Tx& tx, WriterSide& side, documents::Transition& step,
                    std::optional<store::SendRow> ended) {
    if (!step.changed) return {};
    const Document& next = step.next;
    TRY(const auto* workspace, workspace_of(side, next.workspace_no));
    TRY(const security::DataKey key, key_of(tx, side, *workspace, next.id));
    store::DocumentRow row = row_of(next);
    row.version = next.version - 1;
    if (next.state == DocumentState::sending) row.process = side.process;
    row.document = seal(side.keys(), workspace->id, key, next);
    TRY(const auto applied, store::update_document(tx.db(), row));
    // Nobody else writes: the row was read in this transaction.
    if (applied == store::Applied::no)
        return fail(Errc::internal, "a document changed while it was being changed");
    if (next.state == DocumentState::draft) CHECK(note_file(tx, next));
    if (ended) CHECK(store::insert_send(tx.db(), *ended));
    CHECK(step.alert ? raise(tx, side, next) : settle_alert(tx, side, next));
    for (EventDraft& event : step.events)
        CHECK(side.intake.accept(tx, next.workspace_no, std::move(event)));
    return {};
}

Result<documents::Transition> change_document(store::Tx& tx, WriterSide& side,
                                              const DocumentPlace& place,
                                              const documents::Command& command) {
    TRY(const Document before, load_document(tx, side, place));
    TRY(documents::Transition step, documents::apply(before, command, side.clock().wall()));
    CHECK(write_step(tx, side, step));
    return step;
}

Result<Bytes> seal_detail(store::Tx& tx, WriterSide& side, const Document& document,
                          std::string_view text) {
    TRY(const auto* workspace, workspace_of(side, document.workspace_no));
    TRY(const security::DataKey key, key_of(tx, side, *workspace, document.id));
    return side.keys().vault().seal_payload(key, cell_of(workspace->id, document.id, "send"),
                                            as_bytes(text));
}

Result<SealedDocuments> load_sealed_document(sql::Connection& db, const DocumentPlace& place) {
    TRY(auto row, store::find_document(db, place.workspace_no, place.id));
    if (!row) return no_such_document();
    return with_keys(db, place.workspace_no, *std::move(row));
}

Result<Document> open_document(intake::Keyring& keys, const WorkspaceId& workspace,
                               const SealedDocument& sealed,
                               const std::vector<store::DataKeyRow>& workspace_keys) {
    TRY(const security::DataKey key,
        keys.open_subject(workspace, sealed.row.id.value, sealed.key, workspace_keys));
    return open(keys, workspace, key, sealed.row);
}

Result<json::Value> open_detail(intake::Keyring& keys, const WorkspaceId& workspace,
                                const SealedDocument& sealed,
                                const std::vector<store::DataKeyRow>& workspace_keys,
                                ByteView detail) {
    TRY(const security::DataKey key,
        keys.open_subject(workspace, sealed.row.id.value, sealed.key, workspace_keys));
    return open_json(keys, cell_of(workspace, sealed.row.id, "send"), key, detail);
}

}  // namespace blotter::api
