#include "api/routes/envelopes.hpp"

#include <fmt/format.h>

#include "api/audit_trails.hpp"
#include "api/destinations.hpp"
#include "api/envelope_store.hpp"
#include "api/helpers.hpp"
#include "base/choice.hpp"
#include "envelopes/codec.hpp"
#include "store/tables/alerts.hpp"

namespace blotter::api {
namespace {

using security::Permission;

struct WantedFile {
    FileId id;
    FileKind kind = FileKind::original;
};

Result<std::vector<WantedFile>> read_files(const envelopes::EnvelopeRequest& request) {
    std::vector<WantedFile> out;
    for (std::size_t i = 0; i < request.files.size(); ++i) {
        const auto& file = request.files[i];
        const auto id = FileId::parse(file.file_id);
        if (!id)
            return fail(Errc::invalid_argument, id.error().detail,
                        fmt::format("/files/{}/file_id", i));
        out.push_back({*id, file.kind});
    }
    return out;
}

/// Written apart from the request, which fails: the alert must stay.
runtime::Task<> raise_metadata_alert(Services& services, Call& call, Error refusal,
                                     std::string external_id) {
    const auto raised = co_await store::write(
        services.loop, services.writer,
        [&side = services.writer_side, refusal, external_id = std::move(external_id),
         workspace_no = call.workspace_no](store::Tx& tx) {
            const Timestamp now = side.clock().wall();
            json::Object detail{{"reason", refusal.detail}, {"pointer", refusal.pointer}};
            if (!external_id.empty()) detail.append("external_id", external_id);
            const std::string text = json::to_text(detail);
            return store::raise_alert(tx.db(), {.id = side.entropy().id<AlertId>(now),
                                                .workspace_no = workspace_no,
                                                .kind = "metadata_rejected",
                                                .subject = refusal.pointer,
                                                .detail = text,
                                                .at = now});
        });
    observe::ignore(raised, services.log, "the caller gets the refusal in any case");
}

runtime::Task<Result<>> check_metadata(Services& services, Call& call, const Envelope& envelope) {
    CO_TRY(const auto schema, services.metadata_schemas.find(call.directory, call.workspace_no));
    if (schema == nullptr) co_return Result<>{};
    const auto checked = schema->check(envelope.metadata, "/metadata");
    if (checked) co_return Result<>{};
    Error refusal = checked.error();
    // Nothing is set aside here: the caller has the envelope and can correct it.
    refusal.code = Errc::invalid_argument;
    refusal.detail = "the metadata does not meet the workspace's schema: " + refusal.detail;
    co_await raise_metadata_alert(services, call, refusal, envelope.external_id);
    co_return pass(std::move(refusal));
}

runtime::Task<Result<Reply>> create_envelope(Services& services, Call& call) {
    CO_TRY(envelopes::EnvelopeRequest wanted,
           envelopes::parse_request(call.body, services.settings.api.metadata_bytes_max));
    CO_TRY(const std::vector<WantedFile> files, read_files(wanted));
    CO_TRY(wanted.envelope.entity_no,
           entity_no_of(*call.directory, call.workspace_no, wanted.entity_id));
    CO_CHECK(co_await check_metadata(services, call, wanted.envelope));
    co_return co_await mutate(
        services, call,
        [draft = std::move(wanted.envelope), files, workspace_no = call.workspace_no](
            store::Tx& tx, WriterSide& side) mutable -> Result<Reply> {
            const auto* workspace = side.directory().get().workspace(workspace_no);
            if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
            for (std::size_t i = 0; i < files.size(); ++i) {
                TRY(EnvelopeFile file, find_envelope_file(tx, side, *workspace, files[i].id,
                                                          fmt::format("/files/{}/file_id", i)));
                file.kind = files[i].kind;
                draft.files.push_back(std::move(file));
            }
            TRY(const Envelope made, insert_envelope(tx, side, *workspace, std::move(draft)));
            return Reply{201, view_of(made, side.directory().get()), {}};
        });
}

runtime::Task<Result<SealedEnvelopes>> read_sealed(Services& services, Call& call) {
    CO_TRY(const EnvelopeId id, path_id<EnvelopeId>(call, "envelope_id"));
    co_return co_await store::read(services.loop, services.reader,
                                   [id, workspace_no = call.workspace_no](sql::Connection& db) {
                                       return load_sealed_envelope(db, workspace_no, id);
                                   });
}

runtime::Task<Result<Envelope>> read_envelope(Services& services, Call& call) {
    CO_TRY(const SealedEnvelopes sealed, co_await read_sealed(services, call));
    co_return open_envelope(services.keys, call.workspace, sealed.rows.front(),
                            sealed.workspace_keys);
}

/// Whoever may not read payloads sees where an envelope stands and whom it waits for by their ids
/// and roles, and not who these people are or what they said.
json::Value shown(const Envelope& envelope, const Call& call) {
    json::Value view = view_of(envelope, *call.directory);
    if (call.may(Permission::payload_read)) return view;
    json::Object& members = *view.as_object();
    members.erase("reason");
    json::Value* recipients = members.find("recipients");
    if (recipients == nullptr) return view;
    for (json::Value& recipient : *recipients->as_array())
        for (const char* personal : {"name", "email", "phone", "presence", "reason"})
            recipient.as_object()->erase(personal);
    return view;
}

runtime::Task<Result<Reply>> get_envelope(Services& services, Call& call) {
    CO_TRY(const SealedEnvelopes sealed, co_await read_sealed(services, call));
    const SealedEnvelope& one = sealed.rows.front();
    const auto envelope = open_envelope(services.keys, call.workspace, one, sealed.workspace_keys);
    if (envelope) co_return Reply{200, shown(*envelope, call), {}};
    if (envelope.error().code != Errc::gone) co_return pass(envelope.error());
    co_return Reply{200, erased_view(one), {}};
}

runtime::Task<Result<Reply>> get_history(Services& services, Call& call) {
    CO_TRY(const Envelope envelope, co_await read_envelope(services, call));
    json::Value document = envelopes::to_document(envelope);
    co_return Reply{
        200, json::Object{{"data", std::move(*document.as_object()->find("notes"))}}, {}};
}

// --- Lists ---

struct ListQuery {
    store::EnvelopeFilter filter;
    std::optional<Timestamp> completed_since;
    PageQuery page;
    std::string_view operation;
    bool continued = false;

    /// By time of completion instead of creation: what a reconciliation walks.
    bool by_completion() const { return completed_since.has_value(); }
};

Result<ListQuery> read_list_query(Services& services, const Call& call) {
    ListQuery out;
    out.filter.workspace_no = call.workspace_no;
    if (const std::string* status = call.query.find("status")) {
        out.filter.state = parse_envelope_state(*status);
        if (!out.filter.state)
            return fail(Errc::invalid_argument,
                        fmt::format("'{}' is not the status of an envelope; these are: {}", *status,
                                    accepted_values(parse_envelope_state)),
                        "/query/status");
    }
    TRY(const auto entity, query_id<EntityId>(call, "entity_id"));
    if (entity) {
        const auto* known = call.directory->entity(call.workspace_no, *entity);
        if (known == nullptr)
            return fail(Errc::invalid_argument, "there is no such entity in this workspace",
                        "/query/entity_id");
        out.filter.entity_no = known->no;
    }
    TRY(out.completed_since, query_time(call, "completed_since"));
    out.operation = out.by_completion() ? "listCompletedEnvelopes" : "listEnvelopes";
    TRY(out.page, read_page(services, call, out.operation));
    out.continued = call.query.find("cursor") != nullptr;
    if (!out.by_completion()) return out;
    if (out.filter.state && *out.filter.state != EnvelopeState::completed)
        return fail(Errc::invalid_argument, "'completed_since' goes with status=completed only",
                    "/query/status");
    const std::string* order = call.query.find("order");
    if (order != nullptr && *order == "newest")
        return fail(Errc::invalid_argument,
                    "with 'completed_since' the list is in order of completion, oldest first",
                    "/query/order");
    return out;
}

struct EnvelopePage {
    SealedEnvelopes sealed;
    std::optional<std::int64_t> next;
    std::int64_t next_second = 0;
};

Result<EnvelopePage> load_page(sql::Connection& db, const ListQuery& query) {
    EnvelopePage out;
    std::vector<store::EnvelopeRow> rows;
    if (query.by_completion()) {
        store::CompletedFilter filter{query.filter.workspace_no, query.completed_since,
                                      query.filter.entity_no, std::nullopt};
        if (query.continued)
            filter.after = store::TimePosition{from_ms(query.page.page.after), query.page.second};
        TRY(auto page, store::list_completed_envelopes(db, filter, query.page.page.limit));
        rows = std::move(page.rows);
        if (page.next) {
            out.next = to_ms(page.next->at);
            out.next_second = page.next->no;
        }
    } else {
        TRY(auto page, store::list_envelopes(db, query.filter, query.page.page));
        rows = std::move(page.rows);
        out.next = page.next;
    }
    TRY(out.sealed, with_keys(db, query.filter.workspace_no, std::move(rows)));
    return out;
}

runtime::Task<Result<Reply>> list_envelopes(Services& services, Call& call) {
    CO_TRY(const ListQuery query, read_list_query(services, call));
    CO_TRY(const EnvelopePage page,
           co_await store::read(services.loop, services.reader,
                                [query](sql::Connection& db) { return load_page(db, query); }));
    json::Array data;
    for (const SealedEnvelope& sealed : page.sealed.rows) {
        const auto envelope =
            open_envelope(services.keys, call.workspace, sealed, page.sealed.workspace_keys);
        if (envelope)
            data.push_back(shown(*envelope, call));
        else if (envelope.error().code == Errc::gone)
            data.push_back(erased_view(sealed));
        else if (envelope.error().code != Errc::not_found)  // a deleted draft is not shown
            co_return pass(envelope.error());
    }
    co_return Reply{
        200,
        make_list(services, call, query.operation, std::move(data), page.next, page.next_second),
        {}};
}

std::vector<Component> components() {
    return {
        {"Recipient",
         R"({"type":"object","required":["id","role","status"],"description":)"
         R"("Name, addresses, presence and reason are shown to who has payload:read.",)"
         R"("properties":{"id":{"type":"string"},"name":{"type":"string"},)"
         R"("email":{"type":"string"},"phone":{"type":"string"},"role":{"enum":["signer","approver","viewer","copy"]},)"
         R"("order":{"type":"integer"},"status":{"type":"string"},)"
         R"("notified_at":{"type":"string","format":"date-time"},)"
         R"("viewed_at":{"type":"string","format":"date-time"},)"
         R"("authenticated_at":{"type":"string","format":"date-time"},)"
         R"("acted_at":{"type":"string","format":"date-time"},"reason":{"type":"string"},)"
         R"("presence":{"type":"object"}}})"},
        {"EnvelopeFile",
         R"({"type":"object","required":["file_id","kind","sha256"],"properties":{)"
         R"("file_id":{"type":"string"},"kind":{"enum":["original","signed_pdf","audit_trail",)"
         R"("attachment"]},"name":{"type":"string"},"media_type":{"type":"string"},)"
         R"("bytes":{"type":"integer"},"sha256":{"type":"string"}}})"},
        {"Envelope",
         R"({"type":"object","required":["id","status"],"properties":{"id":{"type":"string"},)"
         R"("external_id":{"type":"string"},"title":{"type":"string"},)"
         R"("level":{"enum":["simple","advanced","qualified"]},)"
         R"("status":{"enum":["draft","sent","in_progress","returned","sealing","completed",)"
         R"("declined","expired","voided","failed"]},"entity_id":{"type":"string"},)"
         R"("metadata":{"type":"object"},"recipients":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Recipient"}},"files":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/EnvelopeFile"}},)"
         R"("created_at":{"type":"string","format":"date-time"},)"
         R"("updated_at":{"type":"string","format":"date-time"},)"
         R"("sent_at":{"type":"string","format":"date-time"},)"
         R"("expires_at":{"type":"string","format":"date-time"},)"
         R"("completed_at":{"type":"string","format":"date-time"},)"
         R"("ended_at":{"type":"string","format":"date-time"},"reason":{"type":"string"},)"
         R"("version":{"type":"integer"},"erased":{"type":"boolean","description":)"
         R"("Its personal data was erased; only what is shown remains."},)"
         R"("erased_at":{"type":"string","format":"date-time"}}})"},
        {"EnvelopeRequest",
         R"({"type":"object","required":["title"],"properties":{"title":{"type":"string"},)"
         R"("external_id":{"type":"string"},"level":{"enum":["simple","advanced","qualified"]},)"
         R"("entity_id":{"type":"string"},"expires_at":{"type":"string","format":"date-time"},)"
         R"("metadata":{"type":"object"},"recipients":{"type":"array","items":{"type":"object",)"
         R"("required":["name","email"],"properties":{"name":{"type":"string"},)"
         R"("email":{"type":"string"},"phone":{"type":"string"},)"
         R"("role":{"enum":["signer","approver","viewer","copy"]},)"
         R"("order":{"type":"integer"}}}},"files":{"type":"array","items":{"type":"object",)"
         R"("required":["file_id"],"properties":{"file_id":{"type":"string"},)"
         R"("kind":{"enum":["original","attachment"]}}}}}})"},
        {"EnvelopeList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Envelope"}},"next_cursor":{"type":["string","null"]}}})"},
        {"EnvelopeHistory",
         R"({"type":"object","properties":{"data":{"type":"array","items":{"type":"object",)"
         R"("required":["at","what"],"properties":{"at":{"type":"string","format":"date-time"},)"
         R"("what":{"type":"string"},"recipient_id":{"type":"string"},)"
         R"("presence":{"type":"object"},"detail":{"type":"string"}}}}}})"},
    };
}

}  // namespace

RouteGroup envelope_routes() {
    using http::Method;
    RouteGroup group;
    group.components = components();
    group.routes = {
        {.method = Method::post,
         .path = "/v1/envelopes",
         .operation = "createEnvelope",
         .tag = "envelopes",
         .summary = "Create an envelope as a draft",
         .permission = Permission::envelopes_write,
         .takes = Takes::json,
         .request = "#EnvelopeRequest",
         .status = 201,
         .response = "#Envelope",
         .handler = create_envelope},
        {.method = Method::get,
         .path = "/v1/envelopes",
         .operation = "listEnvelopes",
         .tag = "envelopes",
         .summary = "List envelopes, newest first; with completed_since in order of completion",
         .permission = Permission::envelopes_read,
         .response = "#EnvelopeList",
         .parameters =
             page_parameters({{"status", "Only those of this status"},
                              {"completed_since", "Only those completed at this time or later"},
                              {"entity_id", "Only those of this entity"}}),
         .handler = list_envelopes},
        {.method = Method::get,
         .path = "/v1/envelopes/{envelope_id}",
         .operation = "getEnvelope",
         .tag = "envelopes",
         .summary = "Read an envelope",
         .permission = Permission::envelopes_read,
         .response = "#Envelope",
         .handler = get_envelope},
        {.method = Method::get,
         .path = "/v1/envelopes/{envelope_id}/history",
         .operation = "getEnvelopeHistory",
         .tag = "envelopes",
         .summary = "Read everything that happened to an envelope, oldest first",
         .permission = Permission::payload_read,
         .response = "#EnvelopeHistory",
         .handler = get_history},
    };
    for (Route& route : envelope_action_routes()) group.routes.push_back(std::move(route));
    for (const Component& part : envelope_action_components()) group.components.push_back(part);
    return group;
}

}  // namespace blotter::api
