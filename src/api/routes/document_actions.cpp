#include <fmt/format.h>

#include "api/accounting_records.hpp"
#include "api/document_sender.hpp"
#include "api/document_view.hpp"
#include "api/file_names.hpp"
#include "api/helpers.hpp"
#include "api/reading_key.hpp"
#include "api/routes/documents.hpp"
#include "api/stored_files.hpp"
#include "base/json_reader.hpp"

namespace blotter::api {
namespace {

using documents::Document;
using security::Permission;

// --- States ---

/// Names are copied again: what is frozen is what is in the lists now.
Result<documents::Validate> make_validate(store::Tx& tx, WriterSide& side,
                                          const Document& document) {
    const routing::Directory& directory = side.directory().get();
    const auto* entity = directory.entity(document.workspace_no, document.entity_no);
    if (entity == nullptr) return fail(Errc::not_found, "the document's entity does not exist");
    documents::Validate out{document.content};
    const RecordPlace place = record_place(directory, document.workspace_no, *entity);
    CHECK(settle_references(tx, side, place, out.content));
    return out;
}

runtime::Task<Result<Reply>> validate_document(Services& services, Call& call) {
    CO_TRY(const DocumentId id, path_id<DocumentId>(call, "document_id"));
    co_return co_await mutate(services, call,
                              [place = DocumentPlace{call.workspace_no, id}](
                                  store::Tx& tx, WriterSide& side) -> Result<Reply> {
                                  TRY(const Document before, load_document(tx, side, place));
                                  documents::Validate command{before.content};
                                  if (before.state == DocumentState::draft) {
                                      TRY(command, make_validate(tx, side, before));
                                  }
                                  TRY(auto step,
                                      documents::apply(before, command, side.clock().wall()));
                                  TRY(json::Value view, view_in(tx, side, step.next));
                                  CHECK(write_step(tx, side, step));
                                  return Reply{200, std::move(view), {}};
                              });
}

runtime::Task<Result<Reply>> reopen_document(Services& services, Call& call) {
    CO_TRY(const DocumentId id, path_id<DocumentId>(call, "document_id"));
    co_return co_await mutate(services, call,
                              [place = DocumentPlace{call.workspace_no, id}](
                                  store::Tx& tx, WriterSide& side) -> Result<Reply> {
                                  TRY(const auto step,
                                      change_document(tx, side, place, documents::Reopen{}));
                                  TRY(json::Value view, view_in(tx, side, step.next));
                                  return Reply{200, std::move(view), {}};
                              });
}

// --- Sending ---

runtime::Task<Result<Reply>> send(Services& services, Call& call) {
    CO_TRY(const DocumentId id, path_id<DocumentId>(call, "document_id"));
    json::ObjectReader in{call.body};
    const bool force = in.boolean_or("force", false);
    CO_CHECK(in.finish());
    CO_TRY(const SendReport report,
           co_await send_document(services,
                                  {{call.workspace_no, id},
                                   force ? documents::Cause::forced : documents::Cause::person}));
    const store::AccountingWebhookKey key{call.workspace_no, report.document.entity_no};
    CO_TRY(const StoredWebhooks webhooks,
           co_await store::read(services.loop, services.reader,
                                [key](sql::Connection& db) { return load_webhooks(db, key); }));
    co_return Reply{
        200,
        json::Object{{"outcome", to_text(report.what)},
                     {"message", report.message},
                     {"document", view_of(report.document, *services.directory, webhooks)}},
        {}};
}

// --- Files ---

runtime::Task<Result<Reply>> put_document_file(Services& services, Call& call) {
    CO_TRY(const DocumentId id, path_id<DocumentId>(call, "document_id"));
    CO_TRY(const std::string name, read_file_name(call.request.headers.get("x-file-name")));
    CO_TRY(const std::string type, read_media_type(call.request.headers.get("content-type")));
    // Before the bytes are taken: for whom, and whether they can be.
    CO_TRY(
        const SealedDocuments known,
        co_await store::read(services.loop, services.reader,
                             [place = DocumentPlace{call.workspace_no, id}](sql::Connection& db) {
                                 return load_sealed_document(db, place);
                             }));
    if (known.rows.front().row.state != DocumentState::draft)
        co_return fail(Errc::conflict, "only the file of a draft can be changed");
    CO_TRY(const store::Blobs::Stored stored, co_await receive_file(services, *call.http.body));
    // Idempotency compares bodies; of a streamed one there is the hash, and the headers count too.
    call.request.body = fmt::format("{} {} {}", to_hex(stored.sha256), type, name);
    co_return co_await mutate(
        services, call,
        [place = DocumentPlace{call.workspace_no, id}, name, type, stored](
            store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(const Document before, load_document(tx, side, place));
            const auto* workspace = side.directory().get().workspace(place.workspace_no);
            if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
            documents::Edit edit{before.content};
            const FileId file = side.entropy().id<FileId>(side.clock().wall());
            TRY(const auto row, insert_new_file(tx, side, *workspace, {file, name, type, stored}));
            edit.content.file = envelope_file(row, name);
            TRY(const auto step, change_document(tx, side, place, edit));
            TRY(json::Value view, view_in(tx, side, step.next));
            return Reply{200, std::move(view), {}};
        });
}

/// A document for somebody whose right to its file is not known yet.
struct FileRequest {
    SealedDocuments sealed;
    std::optional<store::AccountingWebhookRow> entity_webhook;
    std::optional<store::AccountingWebhookRow> workspace_webhook;
};

Result<FileRequest> load_file_request(sql::Connection& db, const DocumentId& id) {
    TRY(auto row, store::find_document_anywhere(db, id));
    if (!row) return fail(Errc::not_found, "there is no such document");
    FileRequest out;
    const std::int64_t workspace_no = row->workspace_no;
    TRY(StoredWebhooks webhooks, load_webhooks(db, {workspace_no, row->entity_no}));
    out.entity_webhook = std::move(webhooks.entity);
    out.workspace_webhook = std::move(webhooks.workspace);
    TRY(out.sealed, with_keys(db, workspace_no, *std::move(row)));
    return out;
}

/// Whether the token is the API key of the webhook through which the document was last sent. No
/// other webhook's key opens it, and none before it was sent.
Result<bool> is_webhook_key(Services& services, const Call& call, const FileRequest& asked,
                            const Document& document, std::string_view bearer) {
    if (!document.sending.scope) return false;
    const auto* workspace = call.directory->workspace(document.workspace_no);
    CHECK(services.keys.load(workspace->id, asked.sealed.workspace_keys));
    const auto& webhook = *document.sending.scope == documents::workspace_scope
                              ? asked.workspace_webhook
                              : asked.entity_webhook;
    if (!webhook || !webhook->api_key) return false;
    const ApiKeyPlace place =
        api_key_place(*call.directory, document.workspace_no, *document.sending.scope);
    TRY(const security::Secret key, open_api_key(services.keys, place, *webhook->api_key));
    return constant_time_equal(sha256(key.expose()), sha256(bearer));
}

std::unexpected<Error> refuse_file() {
    return fail(Errc::unauthenticated,
                "this file is fetched with \"Authorization: Bearer …\": the API key of the webhook "
                "through which the document was sent, or a key of Blotter that may read payloads");
}

/// The file's document, for whoever may have it. Everybody else gets the same answer, whether
/// there is such a document or not.
runtime::Task<Result<Document>> authorize_file(Services& services, Call& call) {
    const auto id = DocumentId::parse(call.path.get("document_id"));
    const std::string_view bearer = bearer_of(call.request);
    if (!id || bearer.empty()) co_return refuse_file();
    auto asked =
        co_await store::read(services.loop, services.reader,
                             [id = *id](sql::Connection& db) { return load_file_request(db, id); });
    if (!asked && asked.error().code == Errc::not_found) co_return refuse_file();
    if (!asked) co_return pass(std::move(asked).error());
    const SealedDocument& sealed = asked->sealed.rows.front();
    const auto* workspace = call.directory->workspace(sealed.row.workspace_no);
    if (workspace == nullptr) co_return refuse_file();
    auto opened = open_document(services.keys, workspace->id, sealed, asked->sealed.workspace_keys);
    const bool reading = is_reading_key(call, bearer, sealed.row.workspace_no);
    if (!opened && !reading) co_return refuse_file();
    if (!opened || reading) co_return opened;
    // Keys of webhooks are chosen by people: they are not to be found by trying.
    if (services.limits.files.is_spent(call.remote, services.loop.now()))
        co_return fail(Errc::too_many_requests,
                       "too many requests with a wrong key came from this address; wait a minute");
    CO_TRY(const bool known, is_webhook_key(services, call, *asked, *opened, bearer));
    if (!known) co_return refuse_file();
    co_return opened;
}

runtime::Task<Result<Reply>> get_document_file(Services& services, Call& call) {
    auto document = co_await authorize_file(services, call);
    if (!document && document.error().code == Errc::unauthenticated)
        services.limits.files.take(call.remote, services.loop.now());
    if (!document) co_return pass(std::move(document).error());
    if (!document->content.file)
        co_return fail(Errc::not_found, "this document has no original file");
    const FileId file = document->content.file->id;
    const auto* workspace = call.directory->workspace(document->workspace_no);
    CO_TRY(SealedFile sealed,
           co_await store::read(services.loop, services.reader,
                                [file, no = document->workspace_no](sql::Connection& db) {
                                    return load_sealed_file(db, no, file);
                                }));
    CO_TRY(const std::string name, open_file_name(services.keys, workspace->id, sealed));
    CO_TRY(http::Response response,
           co_await make_file_response(services, std::move(sealed.row), name));
    CO_CHECK(co_await note_file_access(
        services, {.at = call.now, .file_id = file, .remote = call.remote, .status = 200}));
    co_return Reply{200, {}, std::move(response)};
}

std::vector<Route> file_rows() {
    using http::Method;
    return {
        {.method = Method::put,
         .path = "/v1/documents/{document_id}/file",
         .operation = "putDocumentFile",
         .tag = "documents",
         .summary = "Store the original file of a draft: the bytes are the body",
         .permission = Permission::documents_write,
         .takes = Takes::bytes,
         .response = "#Document",
         .handler = put_document_file},
        {.method = Method::get,
         .path = "/v1/documents/{document_id}/file",
         .operation = "getDocumentFile",
         .tag = "documents",
         .summary = "Fetch the original file, with the API key of the webhook through which the "
                    "document was sent, or a key of Blotter",
         .access = Access::open,
         .handler = get_document_file},
    };
}

}  // namespace

std::vector<Component> document_action_components() {
    return {
        {"SendRequest",
         R"({"type":"object","properties":{"force":{"type":"boolean","description":)"
         R"("Send a document that was sent before once more, under the same id."}}})"},
        {"SendResult",
         R"({"type":"object","required":["outcome","message","document"],"properties":{)"
         R"("outcome":{"enum":["sent","already_sent","failed","unknown"]},)"
         R"("message":{"type":"string"},)"
         R"("document":{"$ref":"#/components/schemas/Document"}}})"},
    };
}

std::vector<Route> document_action_routes() {
    using http::Method;
    std::vector<Route> out{
        {.method = Method::post,
         .path = "/v1/documents/{document_id}/validate",
         .operation = "validateDocument",
         .tag = "documents",
         .summary = "Validate a draft: from then on it can be sent",
         .permission = Permission::documents_write,
         .response = "#Document",
         .handler = validate_document},
        {.method = Method::post,
         .path = "/v1/documents/{document_id}/reopen",
         .operation = "reopenDocument",
         .tag = "documents",
         .summary = "Make a validated document that was not posted a draft again",
         .permission = Permission::documents_write,
         .response = "#Document",
         .handler = reopen_document},
        {.method = Method::post,
         .path = "/v1/documents/{document_id}/send",
         .operation = "sendDocument",
         .tag = "documents",
         .summary = "Send a validated document to the accounting system, and wait for its answer",
         .permission = Permission::documents_send,
         .takes = Takes::json,
         .request = "#SendRequest",
         .response = "#SendResult",
         .handler = send},
    };
    for (Route& route : file_rows()) out.push_back(std::move(route));
    return out;
}

}  // namespace blotter::api
