#include "store/tables/files.hpp"

#include <fmt/format.h>

#include "api/file_names.hpp"
#include "api/helpers.hpp"
#include "api/secure_links.hpp"
#include "api/stored_files.hpp"
#include "store/tables/events.hpp"

namespace blotter::api {
namespace {

using security::Permission;

json::Value view_of(const store::FileRow& row, const std::string& name) {
    return json::Object{{"id", row.id.text()}, {"sha256", to_hex(row.sha256)},
                        {"bytes", row.bytes},  {"media_type", row.media_type},
                        {"name", name},        {"created_at", to_rfc3339(row.created_at)}};
}

runtime::Task<Result<Reply>> upload_file(Services& services, Call& call) {
    CO_TRY(const std::string name, read_file_name(call.request.headers.get("x-file-name")));
    CO_TRY(const std::string type, read_media_type(call.request.headers.get("content-type")));
    CO_TRY(const store::Blobs::Stored stored, co_await receive_file(services, *call.http.body));
    // Idempotency compares bodies; of a streamed one there is the hash, and the headers count too.
    call.request.body = fmt::format("{} {} {}", to_hex(stored.sha256), type, name);
    co_return co_await mutate(
        services, call,
        [name, type, stored, workspace_no = call.workspace_no](store::Tx& tx,
                                                               WriterSide& side) -> Result<Reply> {
            const auto* workspace = side.directory().get().workspace(workspace_no);
            if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
            const FileId id = side.entropy().id<FileId>(side.clock().wall());
            TRY(const auto row, insert_new_file(tx, side, *workspace, {id, name, type, stored}));
            return Reply{201, view_of(row, name), {}};
        });
}

runtime::Task<Result<SealedFile>> read_file_row(Services& services, Call& call) {
    CO_TRY(const FileId id, path_id<FileId>(call, "file_id"));
    co_return co_await store::read(services.loop, services.reader,
                                   [id, workspace_no = call.workspace_no](sql::Connection& db) {
                                       return load_sealed_file(db, workspace_no, id);
                                   });
}

runtime::Task<Result<Reply>> get_file(Services& services, Call& call) {
    CO_TRY(const SealedFile file, co_await read_file_row(services, call));
    CO_TRY(const std::string name, open_file_name(services.keys, call.workspace, file));
    co_return Reply{200, view_of(file.row, name), {}};
}

runtime::Task<Result<Reply>> get_content(Services& services, Call& call) {
    CO_TRY(SealedFile file, co_await read_file_row(services, call));
    CO_TRY(const std::string name, open_file_name(services.keys, call.workspace, file));
    const FileId id = file.row.id;
    CO_TRY(http::Response response,
           co_await make_file_response(services, std::move(file.row), name));
    CO_CHECK(co_await note_file_access(
        services, {.at = call.now, .file_id = id, .remote = call.remote, .status = 200}));
    co_return Reply{200, {}, std::move(response)};
}

// --- Who fetched it ---

struct Access {
    store::FileAccessRow row;
    std::optional<EventId> event;
};

Result<store::Page<Access>> load_accesses(sql::Connection& db, std::int64_t workspace_no,
                                          const FileId& id, const store::PageOptions& page) {
    TRY(const auto file, store::find_file(db, workspace_no, id));
    if (!file) return fail(Errc::not_found, "there is no such file in this workspace");
    TRY(auto found, store::list_file_access_of_file(db, id, page));
    store::Page<Access> out{{}, found.next};
    for (store::FileAccessRow& row : found.rows) {
        Access access{std::move(row), {}};
        if (access.row.event_seq) {
            TRY(const auto event,
                store::load_event(db, *access.row.event_seq, store::Payload::skip));
            if (event) access.event = event->id;
        }
        out.rows.push_back(std::move(access));
    }
    return out;
}

runtime::Task<Result<Reply>> list_accesses(Services& services, Call& call) {
    CO_TRY(const FileId id, path_id<FileId>(call, "file_id"));
    CO_TRY(const PageQuery page, read_page(services, call, "listFileAccesses"));
    CO_TRY(const auto found, co_await store::read(services.loop, services.reader,
                                                  [id, no = call.workspace_no,
                                                   page = page.page](sql::Connection& db) {
                                                      return load_accesses(db, no, id, page);
                                                  }));
    json::Array data;
    for (const Access& access : found.rows) {
        const auto target = access.row.destination_no
                                ? call.directory->target(*access.row.destination_no)
                                : routing::TargetPtr{};
        json::Object out;
        out.append("at", to_rfc3339(access.row.at));
        out.append("event_id", access.event ? json::Value{access.event->text()} : json::Value{});
        out.append("destination_id",
                   target ? json::Value{target->destination.id.text()} : json::Value{});
        out.append("remote", access.row.remote);
        out.append("status", access.row.status);
        data.push_back(std::move(out));
    }
    co_return Reply{
        200, make_list(services, call, "listFileAccesses", std::move(data), found.next), {}};
}

}  // namespace

RouteGroup file_routes() {
    using http::Method;
    RouteGroup group = link_routes();
    group.components = {
        {"File",
         R"({"type":"object","required":["id","sha256","bytes","media_type","name"],"properties":{)"
         R"("id":{"type":"string"},"sha256":{"type":"string","description":)"
         R"("SHA-256 of the content, in lower-case hexadecimal."},"bytes":{"type":"integer"},)"
         R"("media_type":{"type":"string"},"name":{"type":"string"},)"
         R"("created_at":{"type":"string","format":"date-time"}}})"},
        {"FileAccessList",
         R"({"type":"object","properties":{"data":{"type":"array","items":{"type":"object",)"
         R"("required":["at","remote","status"],"properties":{)"
         R"("at":{"type":"string","format":"date-time"},)"
         R"("event_id":{"type":["string","null"],"description":"Whose link it was; null: the API."},)"
         R"("destination_id":{"type":["string","null"]},"remote":{"type":"string"},)"
         R"("status":{"type":"integer"}}}},"next_cursor":{"type":["string","null"]}}})"},
    };
    const std::vector<Route> routes{
        {.method = Method::post,
         .path = "/v1/files",
         .operation = "uploadFile",
         .tag = "files",
         .summary = "Store a file: the bytes are the body, Content-Type is its type, and "
                    "X-File-Name its percent-encoded name",
         .permission = Permission::envelopes_write,
         .takes = Takes::bytes,
         .status = 201,
         .response = "#File",
         .handler = upload_file},
        {.method = Method::get,
         .path = "/v1/files/{file_id}",
         .operation = "getFile",
         .tag = "files",
         .summary = "Read what is known of a file",
         .permission = Permission::envelopes_read,
         .response = "#File",
         .handler = get_file},
        {.method = Method::get,
         .path = "/v1/files/{file_id}/content",
         .operation = "getFileContent",
         .tag = "files",
         .summary = "Fetch the bytes of a file",
         .permission = Permission::payload_read,
         .response = "*/*",
         .handler = get_content},
        {.method = Method::get,
         .path = "/v1/files/{file_id}/accesses",
         .operation = "listFileAccesses",
         .tag = "files",
         .summary = "List who fetched a file, over a link of an event or the API, newest first",
         .permission = Permission::audit_read,
         .response = "#FileAccessList",
         .parameters = page_parameters(),
         .handler = list_accesses},
    };
    group.routes.insert(group.routes.begin(), routes.begin(), routes.end());
    return group;
}

}  // namespace blotter::api
