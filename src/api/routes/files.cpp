#include "store/tables/files.hpp"

#include <fmt/format.h>

#include "api/file_names.hpp"
#include "api/helpers.hpp"
#include "api/secure_links.hpp"
#include "api/stored_files.hpp"

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
         .handler = get_content},
    };
    group.routes.insert(group.routes.begin(), routes.begin(), routes.end());
    return group;
}

}  // namespace blotter::api
