#include "api/routes/documents.hpp"

#include <fmt/format.h>

#include "api/accounting_records.hpp"
#include "api/document_view.hpp"
#include "api/helpers.hpp"
#include "api/stored_files.hpp"
#include "base/choice.hpp"
#include "documents/codec.hpp"
#include "documents/totals.hpp"

namespace blotter::api {
namespace {

using documents::Document;
using security::Permission;

constexpr std::size_t sends_shown_max = 100;

// --- Writing ---

struct Wanted {
    documents::Content content;
    std::optional<FileId> file;
    std::string entity_id;
};

Result<Wanted> read_document(Services& services, const Call& call) {
    TRY(documents::DocumentRequest request,
        documents::parse_request(call.body, services.settings.api.metadata_bytes_max));
    CHECK(documents::settle_totals(request.content));
    Wanted out;
    out.content = std::move(request.content);
    out.entity_id = std::move(request.entity_id);
    if (request.file_id.empty()) return out;
    auto file = FileId::parse(request.file_id);
    if (!file) return fail(Errc::invalid_argument, file.error().detail, "/file_id");
    out.file = *file;
    return out;
}

/// Everything that the content names is there: suppliers, dimensions and the file.
Result<> settle_content(store::Tx& tx, WriterSide& side, const routing::EntityFacts& entity,
                        Wanted& wanted) {
    const routing::Directory& directory = side.directory().get();
    const RecordPlace place = record_place(directory, entity.workspace_no, entity);
    CHECK(settle_references(tx, side, place, wanted.content));
    if (!wanted.file) return {};
    const auto* workspace = directory.workspace(entity.workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    TRY(wanted.content.file, find_envelope_file(tx, side, *workspace, *wanted.file, "/file_id"));
    return {};
}

Result<const routing::EntityFacts*> find_entity(const routing::Directory& directory,
                                                std::int64_t workspace_no,
                                                const std::string& text) {
    if (text.empty())
        return fail(Errc::invalid_argument, "'entity_id' is required: whose document it is",
                    "/entity_id");
    const auto id = EntityId::parse(text);
    if (!id) return fail(Errc::invalid_argument, id.error().detail, "/entity_id");
    const auto* entity = directory.entity(workspace_no, *id);
    if (entity == nullptr)
        return fail(Errc::invalid_argument, "there is no such entity in this workspace",
                    "/entity_id");
    return entity;
}

runtime::Task<Result<Reply>> create_document(Services& services, Call& call) {
    CO_TRY(Wanted wanted, read_document(services, call));
    co_return co_await mutate(
        services, call,
        [wanted = std::move(wanted), workspace_no = call.workspace_no](
            store::Tx& tx, WriterSide& side) mutable -> Result<Reply> {
            const routing::Directory& directory = side.directory().get();
            TRY(const auto* entity, find_entity(directory, workspace_no, wanted.entity_id));
            CHECK(settle_content(tx, side, *entity, wanted));
            Document draft;
            draft.entity_no = entity->no;
            draft.content = std::move(wanted.content);
            TRY(const Document made,
                insert_document(tx, side, *directory.workspace(workspace_no), std::move(draft)));
            TRY(json::Value view, view_in(tx, side, made));
            return Reply{201, std::move(view), {}};
        });
}

runtime::Task<Result<Reply>> replace_document(Services& services, Call& call) {
    CO_TRY(const DocumentId id, path_id<DocumentId>(call, "document_id"));
    CO_TRY(Wanted wanted, read_document(services, call));
    co_return co_await mutate(
        services, call,
        [id, wanted = std::move(wanted), workspace_no = call.workspace_no](
            store::Tx& tx, WriterSide& side) mutable -> Result<Reply> {
            const DocumentPlace place{workspace_no, id};
            TRY(const Document before, load_document(tx, side, place));
            const auto* entity = side.directory().get().entity(workspace_no, before.entity_no);
            if (entity == nullptr) return fail(Errc::not_found, "the entity does not exist");
            if (!wanted.entity_id.empty() && wanted.entity_id != entity->id.text())
                return fail(Errc::invalid_argument,
                            "a document stays with its entity; make a new one", "/entity_id");
            if (!wanted.file) wanted.content.file = before.content.file;
            CHECK(settle_content(tx, side, *entity, wanted));
            TRY(const auto step,
                change_document(tx, side, place, documents::Edit{std::move(wanted.content)}));
            TRY(json::Value view, view_in(tx, side, step.next));
            return Reply{200, std::move(view), {}};
        });
}

runtime::Task<Result<Reply>> delete_document(Services& services, Call& call) {
    CO_TRY(const DocumentId id, path_id<DocumentId>(call, "document_id"));
    co_return co_await mutate(
        services, call,
        [id, workspace_no = call.workspace_no](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(const Document document, load_document(tx, side, {workspace_no, id}));
            if (document.state != DocumentState::draft)
                return fail(Errc::conflict, fmt::format("the document is {}: only drafts are "
                                                        "deleted",
                                                        to_text(document.state)));
            TRY(const auto deleted, store::delete_document(tx.db(), document.no, document.id));
            if (deleted == store::Applied::no)
                return fail(Errc::conflict,
                            fmt::format("the document was validated before, and its events are on "
                                        "record: it cannot be deleted, its data can be erased with "
                                        "POST /v1/documents/{}/erase",
                                        document.id.text()));
            return Reply{204, {}, {}};
        });
}

// --- Reading ---

struct Loaded {
    SealedDocuments sealed;
    WebhooksByEntity webhooks;
    std::vector<store::SendRow> sends;
};

Result<Loaded> load_one(sql::Connection& db, const DocumentPlace& place) {
    Loaded out;
    TRY(out.sealed, load_sealed_document(db, place));
    TRY(out.webhooks, load_webhooks_of(db, place.workspace_no, out.sealed.rows));
    TRY(out.sends, store::list_sends(db, out.sealed.rows.front().row.no, sends_shown_max));
    return out;
}

runtime::Task<Result<Loaded>> read_one(Services& services, Call& call) {
    CO_TRY(const DocumentId id, path_id<DocumentId>(call, "document_id"));
    co_return co_await store::read(services.loop, services.reader,
                                   [place = DocumentPlace{call.workspace_no, id}](
                                       sql::Connection& db) { return load_one(db, place); });
}

runtime::Task<Result<Reply>> get_document(Services& services, Call& call) {
    CO_TRY(const Loaded loaded, co_await read_one(services, call));
    const SealedDocument& one = loaded.sealed.rows.front();
    const auto document =
        open_document(services.keys, call.workspace, one, loaded.sealed.workspace_keys);
    if (!document && document.error().code != Errc::gone) co_return pass(document.error());
    if (!document) co_return Reply{200, erased_view(one), {}};
    co_return Reply{
        200, view_of(*document, *call.directory, loaded.webhooks.at(document->entity_no)), {}};
}

runtime::Task<Result<Reply>> list_document_sends(Services& services, Call& call) {
    CO_TRY(const Loaded loaded, co_await read_one(services, call));
    json::Array data;
    for (const store::SendRow& row : loaded.sends) {
        json::Object out{{"attempt", std::uint64_t{row.n}},
                         {"started_at", to_rfc3339(row.started_at)},
                         {"took_ms", std::int64_t{row.took.count() / 1'000}},
                         {"outcome", row.outcome}};
        if (row.status) out.append("status", *row.status);
        CO_TRY(json::Value detail,
               open_detail(services.keys, call.workspace, loaded.sealed.rows.front(),
                           loaded.sealed.workspace_keys, row.detail));
        for (json::Member& member : *detail.as_object())
            out.append(std::move(member.name), std::move(member.value));
        data.push_back(std::move(out));
    }
    co_return Reply{200, json::Object{{"data", std::move(data)}}, {}};
}

Result<store::DocumentFilter> read_filter(const Call& call) {
    store::DocumentFilter out;
    out.workspace_no = call.workspace_no;
    if (const std::string* status = call.query.find("status")) {
        out.state = parse_document_state(*status);
        if (!out.state)
            return fail(Errc::invalid_argument,
                        fmt::format("'{}' is not the status of a document; these are: {}", *status,
                                    accepted_values(parse_document_state)),
                        "/query/status");
    }
    TRY(const auto entity, query_id<EntityId>(call, "entity_id"));
    if (entity) {
        const auto* known = call.directory->entity(call.workspace_no, *entity);
        if (known == nullptr)
            return fail(Errc::invalid_argument, "there is no such entity in this workspace",
                        "/query/entity_id");
        out.entity_no = known->no;
    }
    if (const std::string* supplier = call.query.find("supplier")) out.supplier = *supplier;
    TRY(out.created_from, query_time(call, "created_from"));
    TRY(out.created_before, query_time(call, "created_before"));
    return out;
}

runtime::Task<Result<Reply>> list_documents(Services& services, Call& call) {
    CO_TRY(const store::DocumentFilter filter, read_filter(call));
    CO_TRY(const PageQuery query, read_page(services, call, "listDocuments"));
    struct Read {
        Loaded loaded;
        std::optional<std::int64_t> next;
    };
    CO_TRY(const Read read,
           co_await store::read(
               services.loop, services.reader,
               [filter, page = query.page](sql::Connection& db) -> Result<Read> {
                   TRY(auto rows, store::list_documents(db, filter, page));
                   Read out;
                   out.next = rows.next;
                   TRY(out.loaded.sealed, with_keys(db, filter.workspace_no, std::move(rows.rows)));
                   TRY(out.loaded.webhooks,
                       load_webhooks_of(db, filter.workspace_no, out.loaded.sealed.rows));
                   return out;
               }));
    json::Array data;
    for (const SealedDocument& sealed : read.loaded.sealed.rows) {
        auto opened =
            open_document(services.keys, call.workspace, sealed, read.loaded.sealed.workspace_keys);
        if (!opened && opened.error().code != Errc::gone) co_return pass(std::move(opened).error());
        data.push_back(
            opened ? view_of(*opened, *call.directory, read.loaded.webhooks.at(opened->entity_no))
                   : erased_view(sealed));
    }
    co_return Reply{
        200, make_list(services, call, "listDocuments", std::move(data), read.next), {}};
}

std::vector<Component> line_components() {
    return {
        {"DocumentLine", R"({"type":"object","properties":{"description":{"type":"string"},)"
                         R"("quantity":{"$ref":"#/components/schemas/ExactDecimal"},)"
                         R"("unit_price":{"$ref":"#/components/schemas/ExactDecimal"},)"
                         R"("discount":{"$ref":"#/components/schemas/ExactDecimal"},)"
                         R"("vat_rate":{"$ref":"#/components/schemas/ExactDecimal"},)"
                         R"("net_amount":{"$ref":"#/components/schemas/ExactDecimal"},)"
                         R"("vat_amount":{"$ref":"#/components/schemas/ExactDecimal"},)"
                         R"("gross_amount":{"$ref":"#/components/schemas/ExactDecimal"},)"
                         R"("dimensions":{"$ref":"#/components/schemas/Dimensions"}}})"},
        {"ExactDecimal", R"({"type":["string","number"],"description":)"
                         R"("A decimal string, or a number; taken exactly."})"},
        {"Dimensions", R"({"type":"object","description":"Type of dimension to reference id.",)"
                       R"("additionalProperties":{"type":["string","object"]}})"},
    };
}

std::vector<Component> document_components() {
    return {
        {"DocumentRequest",
         R"({"type":"object","required":["entity_id","currency"],"properties":{)"
         R"("entity_id":{"type":"string"},)"
         R"("type":{"enum":["invoice","credit_note","receipt","expense","other"]},)"
         R"("number":{"type":"string"},"description":{"type":"string"},)"
         R"("issue_date":{"type":"string","format":"date"},)"
         R"("due_date":{"type":"string","format":"date"},"currency":{"type":"string"},)"
         R"("supplier":{"type":["string","object"],"description":"Its reference id."},)"
         R"("net_total":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("vat_total":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("rounding":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("gross_total":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("dimensions":{"$ref":"#/components/schemas/Dimensions"},)"
         R"("lines":{"type":"array","maxItems":1000,"items":)"
         R"({"$ref":"#/components/schemas/DocumentLine"}},)"
         R"("metadata":{"type":"object"},"file_id":{"type":"string"}}})"},
        {"Document",
         R"({"type":"object","required":["id","status","can_send"],"properties":{)"
         R"("id":{"type":"string"},"entity_id":{"type":"string"},)"
         R"("status":{"enum":["draft","validated","sending","unknown","sent"]},)"
         R"("type":{"type":"string"},"number":{"type":"string"},"description":{"type":"string"},)"
         R"("issue_date":{"type":"string","format":"date"},)"
         R"("due_date":{"type":"string","format":"date"},"currency":{"type":"string"},)"
         R"("supplier":{"type":"object"},)"
         R"("net_total":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("vat_total":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("rounding":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("gross_total":{"$ref":"#/components/schemas/ExactDecimal"},)"
         R"("dimensions":{"$ref":"#/components/schemas/Dimensions"},)"
         R"("lines":{"type":"array","items":{"$ref":"#/components/schemas/DocumentLine"}},)"
         R"("metadata":{"type":"object"},"file":{"type":"object"},"version":{"type":"integer"},)"
         R"("revision":{"type":"integer"},"created_at":{"type":"string","format":"date-time"},)"
         R"("updated_at":{"type":"string","format":"date-time"},)"
         R"("validated_at":{"type":"string","format":"date-time"},)"
         R"("sending_since":{"type":"string","format":"date-time"},)"
         R"("sent_at":{"type":"string","format":"date-time"},"can_send":{"type":"boolean"},)"
         R"("can_send_reason":{"type":["string","null"]},"request_id":{"type":"string"},)"
         R"("reference":{"type":"string"},"reference_label":{"type":"string",)"
         R"("description":"Ref: and the accounting reference id."},)"
         R"("last_error":{"type":"object","properties":{"code":{"type":"string"},)"
         R"("message":{"type":"string"},"status":{"type":"integer"},)"
         R"("at":{"type":"string","format":"date-time"}}},"attempts":{"type":"integer"},)"
         R"("next_attempt_at":{"type":"string","format":"date-time"},)"
         R"("erased":{"type":"boolean","description":)"
         R"("Its data was erased; only what is shown remains."},)"
         R"("erased_at":{"type":"string","format":"date-time"}}})"},
        {"DocumentList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                         R"({"$ref":"#/components/schemas/Document"}},)"
                         R"("next_cursor":{"type":["string","null"]}}})"},
        {"DocumentSends",
         R"({"type":"object","properties":{"data":{"type":"array","items":{"type":"object",)"
         R"("properties":{"attempt":{"type":"integer"},)"
         R"("outcome":{"enum":["sent","failed","unknown"]},"status":{"type":"integer"},)"
         R"("message":{"type":"string"},"answer":{"type":"string"},)"
         R"("started_at":{"type":"string","format":"date-time"},)"
         R"("took_ms":{"type":"integer"}}}}}})"},
    };
}

std::vector<Route> read_routes() {
    const auto route = [](std::string_view path, std::string_view operation,
                          std::string_view summary, std::string_view response, Handler handler) {
        return Route{.method = http::Method::get,
                     .path = path,
                     .operation = operation,
                     .tag = "documents",
                     .summary = summary,
                     .permission = Permission::documents_read,
                     .response = response,
                     .handler = handler};
    };
    Route list =
        route("/v1/documents", "listDocuments", "List documents", "#DocumentList", list_documents);
    list.parameters =
        page_parameters({{"status", "draft, validated, sending, unknown or sent"},
                         {"entity_id", "only documents of this entity"},
                         {"supplier", "only documents of the supplier with this reference id"},
                         {"created_from", "RFC 3339; this time and later"},
                         {"created_before", "RFC 3339; before this time"}});
    Route sends = route("/v1/documents/{document_id}/sends", "listDocumentSends",
                        "What every attempt to send a document came to, the latest first",
                        "#DocumentSends", list_document_sends);
    // An answer can repeat what was sent.
    sends.permission = Permission::payload_read;
    return {std::move(list),
            route("/v1/documents/{document_id}", "getDocument", "Read a document", "#Document",
                  get_document),
            std::move(sends)};
}

}  // namespace

RouteGroup document_routes() {
    using http::Method;
    RouteGroup group;
    group.components = document_components();
    for (Component& component : line_components()) group.components.push_back(component);
    group.routes = read_routes();
    const std::vector<Route> writing{
        {.method = Method::post,
         .path = "/v1/documents",
         .operation = "createDocument",
         .tag = "documents",
         .summary = "Create a draft; totals are checked against the lines",
         .permission = Permission::documents_write,
         .takes = Takes::json,
         .request = "#DocumentRequest",
         .status = 201,
         .response = "#Document",
         .handler = create_document},
        {.method = Method::put,
         .path = "/v1/documents/{document_id}",
         .operation = "replaceDocument",
         .tag = "documents",
         .summary = "Replace what a draft says; the file stays unless another one is named",
         .permission = Permission::documents_write,
         .takes = Takes::json,
         .request = "#DocumentRequest",
         .response = "#Document",
         .handler = replace_document},
        {.method = Method::delete_,
         .path = "/v1/documents/{document_id}",
         .operation = "deleteDocument",
         .tag = "documents",
         .summary = "Delete a draft",
         .permission = Permission::documents_write,
         .status = 204,
         .handler = delete_document},
    };
    group.routes.insert(group.routes.end(), writing.begin(), writing.end());
    for (Component& component : document_action_components()) group.components.push_back(component);
    for (Route& route : document_action_routes()) group.routes.push_back(std::move(route));
    return group;
}

}  // namespace blotter::api
