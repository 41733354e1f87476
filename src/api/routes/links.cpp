#include <algorithm>

#include <fmt/format.h>

#include "api/reading_key.hpp"
#include "api/secret_source.hpp"
#include "api/secure_links.hpp"
#include "api/stored_files.hpp"

namespace blotter::api {
namespace {

/// What a link leads to, as far as the store knows.
struct Linked {
    intake::SealedEvent event;
    SealedFile file;
    Timestamp start;  ///< of the latest attempt that carried the link, or of the first
};

Result<Linked> load_linked(sql::Connection& db, const connectors::Link& link) {
    Linked out;
    TRY(out.event, intake::load_sealed_event(db, link.event_seq));
    // Said by the key: the file itself may be gone with everything else.
    if (out.event.key && out.event.key->destroyed_at)
        return fail(Errc::gone, "the data of this event was erased");
    TRY(out.file, load_sealed_file(db, out.event.row.workspace_no, link.file));
    TRY(const auto start, store::load_link_start(db, link.event_seq, link.destination_no));
    out.start = std::max(out.event.row.accepted_at, start.value_or(Timestamp{}));
    return out;
}

bool is_file(const json::Value& value, const std::string& id) {
    const json::Value* named = value.find("file_id");
    return named != nullptr && named->as_string() != nullptr && *named->as_string() == id;
}

/// Whether the event names the file, so that no token ever reaches beyond its event.
bool names_file(const json::Value& data, const FileId& file) {
    const json::Value* files = data.find("files");
    if (files == nullptr || files->as_object() == nullptr) return false;
    const std::string id = file.text();
    for (const json::Member& member : *files->as_object()) {
        if (is_file(member.value, id)) return true;
        if (const json::Array* list = member.value.as_array())
            for (const json::Value& item : *list)
                if (is_file(item, id)) return true;
    }
    return false;
}

/// The destination that got the link may come late with its own bearer key, and so may a caller
/// whose API key may read payloads.
runtime::Task<Result<bool>> may_come_late(Services& services, Call& call, connectors::Link link,
                                          std::int64_t workspace_no) {
    const std::string_view bearer = bearer_of(call.request);
    if (bearer.empty()) co_return false;
    if (is_reading_key(call, bearer, workspace_no)) co_return true;
    StoredSecrets source{services.loop, services.reader, services.keys};
    const auto secrets = co_await source.load(link.destination_no, workspace_no);
    if (!secrets && secrets.error().code == Errc::not_found) co_return false;
    if (!secrets) co_return pass(secrets.error());
    co_return secrets->bearer&& constant_time_equal(secrets->bearer->expose(), as_bytes(bearer));
}

Result<> check_named(Services& services, const WorkspaceId& workspace, const Linked& linked,
                     const connectors::Link& link) {
    TRY(const auto facts, intake::open_event(services.keys, workspace, linked.event));
    if (!names_file(facts.data, link.file))
        return fail(Errc::not_found, "this is not a link of this installation");
    return {};
}

runtime::Task<Result<http::Response>> open_link(Services& services, Call& call,
                                                connectors::Link link) {
    CO_TRY(Linked linked,
           co_await store::read(services.loop, services.reader,
                                [link](sql::Connection& db) { return load_linked(db, link); }));
    const std::int64_t workspace_no = linked.event.row.workspace_no;
    const auto* workspace = call.directory->workspace(workspace_no);
    if (workspace == nullptr) co_return fail(Errc::not_found, "there is no such workspace");
    CO_CHECK(check_named(services, workspace->id, linked, link));
    const Duration lifetime = services.settings.links.lifetime;
    if (call.now >= linked.start + lifetime) {
        CO_TRY(const bool may, co_await may_come_late(services, call, link, workspace_no));
        if (!may)
            co_return fail(
                Errc::gone,
                fmt::format("this link has expired; it worked for {} from the start of the latest "
                            "attempt that carried it. Fetch it with the destination's bearer key, "
                            "or have the event sent again",
                            blotter::to_text(lifetime)));
    }
    CO_TRY(std::string name, open_file_name(services.keys, workspace->id, linked.file));
    co_return co_await make_file_response(services, std::move(linked.file.row), std::move(name));
}

runtime::Task<Result<Reply>> get_link(Services& services, Call& call) {
    CO_TRY(const connectors::Link link, services.links.open(call.path.get("token")));
    auto response = co_await open_link(services, call, link);
    CO_CHECK(co_await note_file_access(
        services, {.at = call.now,
                   .file_id = link.file,
                   .event_seq = link.event_seq,
                   .destination_no = link.destination_no,
                   .remote = call.remote,
                   .status = response ? 200 : http_status_of(response.error().code)}));
    if (!response) co_return pass(std::move(response).error());
    co_return Reply{200, {}, std::move(*response)};
}

}  // namespace

RouteGroup link_routes() {
    RouteGroup group;
    group.routes = {
        {.method = http::Method::get,
         .path = "/l/{token}",
         .operation = "followLink",
         .tag = "files",
         .summary = "Fetch a file over a secure link of an event; 410 once it has expired, unless "
                    "the destination's bearer key comes with the request",
         .access = Access::open,
         .response = "*/*",
         .handler = get_link},
    };
    return group;
}

}  // namespace blotter::api
