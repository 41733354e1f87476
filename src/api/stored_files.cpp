#include "api/stored_files.hpp"

#include <fmt/format.h>

#include "api/file_names.hpp"

namespace blotter::api {
namespace {

constexpr std::size_t piece_bytes = 128 * 1024;
/// However small the network's pieces are: each one costs a hop to another thread.
constexpr std::size_t upload_piece_bytes = 64 * 1024;
constexpr std::string_view file_fields =
    "x-content-type-options: nosniff\r\n"
    "content-security-policy: default-src 'none'; sandbox\r\n"
    "cache-control: private, no-store\r\n"
    "referrer-policy: no-referrer\r\n";

security::Cell name_cell(const WorkspaceId& workspace, const FileId& file) {
    return {workspace, "file", "name", file.value};
}

class StoredBytes final : public http::BodySource {
  public:
    StoredBytes(Services& services, std::unique_ptr<runtime::FileReader> file)
        : services_(services), file_(std::move(file)) {}

    std::optional<std::uint64_t> size() const override { return file_->size(); }

    runtime::Task<Result<>> write_to(http::BodyWriter& writer) override {
        for (std::uint64_t offset = 0;;) {
            CO_TRY(const std::string piece,
                   co_await services_.blobs.read(services_.loop, *file_, offset, piece_bytes));
            if (piece.empty()) co_return Result<>{};
            CO_CHECK(co_await writer.write(piece));
            offset += piece.size();
        }
    }

  private:
    Services& services_;
    std::unique_ptr<runtime::FileReader> file_;
};

}  // namespace

runtime::Task<Result<store::Blobs::Stored>> receive_file(Services& services,
                                                         http::BodyReader& body) {
    auto begun = co_await services.blobs.begin(services.loop, services.entropy,
                                               services.settings.files.file_bytes_max);
    if (!begun) co_return pass(std::move(begun).error());
    const std::unique_ptr<store::Blobs::Upload> upload = std::move(*begun);
    std::uint64_t received = 0;
    for (;;) {
        std::string piece(upload_piece_bytes, '\0');
        std::size_t filled = 0;
        while (filled < piece.size()) {
            CO_TRY(const std::size_t got,
                   co_await body.read_some({piece.data() + filled, piece.size() - filled}));
            if (got == 0) break;
            filled += got;
        }
        if (filled == 0) break;
        piece.resize(filled);
        received += filled;
        CO_CHECK(co_await upload->write(services.loop, std::move(piece)));
    }
    if (received == 0) co_return fail(Errc::invalid_argument, "the file is empty");
    co_return co_await upload->finish(services.loop);
}

Result<store::FileRow> insert_new_file(store::Tx& tx, WriterSide& side,
                                       const routing::WorkspaceFacts& workspace, NewFile file) {
    store::FileRow row;
    row.id = file.id;
    row.workspace_no = workspace.no;
    row.sha256 = file.stored.sha256;
    row.bytes = static_cast<std::int64_t>(file.stored.bytes);
    row.media_type = std::move(file.media_type);
    row.created_at = side.clock().wall();
    CHECK(side.keys().ensure(tx, workspace.id, workspace.no, row.created_at));
    TRY(row.name, side.keys().vault().seal(name_cell(workspace.id, row.id), as_bytes(file.name)));
    // Retention removes bytes that no row names, and it may have been about to. It does so on this
    // thread, and so what is there now is there once the row is.
    TRY(const bool kept, side.blobs.has(row.sha256));
    if (!kept)
        return fail(Errc::unavailable, "the bytes of the file were not kept; send the file again");
    CHECK(store::insert_blob(tx.db(), row.sha256, row.bytes, row.created_at));
    TRY(row.no, store::insert_file(tx.db(), row));
    return row;
}

EnvelopeFile envelope_file(const store::FileRow& row, std::string name) {
    EnvelopeFile out;
    out.id = row.id;
    out.name = std::move(name);
    out.media_type = row.media_type;
    out.bytes = static_cast<std::uint64_t>(row.bytes);
    out.sha256 = to_hex(row.sha256);
    return out;
}

Result<EnvelopeFile> find_envelope_file(store::Tx& tx, WriterSide& side,
                                        const routing::WorkspaceFacts& workspace, const FileId& id,
                                        const std::string& pointer) {
    TRY(const auto row, store::find_file(tx.db(), workspace.no, id));
    if (!row)
        return fail(Errc::invalid_argument,
                    fmt::format("there is no file {} in this workspace; upload it first with POST "
                                "/v1/files",
                                id.text()),
                    pointer);
    CHECK(side.keys().ensure(tx, workspace.id, workspace.no, side.clock().wall()));
    TRY(const security::Secret name,
        side.keys().vault().open(name_cell(workspace.id, row->id), row->name));
    return envelope_file(*row, std::string{name.expose_text()});
}

Result<SealedFile> load_sealed_file(sql::Connection& db, std::int64_t workspace_no,
                                    const FileId& id) {
    TRY(auto row, store::find_file(db, workspace_no, id));
    if (!row) return fail(Errc::not_found, "there is no such file in this workspace");
    TRY(auto keys, store::list_data_keys(db, workspace_no));
    return SealedFile{*std::move(row), std::move(keys)};
}

Result<security::Secret> open_sealed(intake::Keyring& keys, const security::Cell& cell,
                                     ByteView sealed, const std::vector<store::DataKeyRow>& rows) {
    if (keys.vault().has_key(cell.workspace, security::KeyPurpose::secrets)) {
        auto opened = keys.vault().open(cell, sealed);
        if (opened) return opened;
        // Perhaps sealed under a workspace key that was made since.
    }
    CHECK(keys.load(cell.workspace, rows));
    return keys.vault().open(cell, sealed);
}

Result<std::string> open_file_name(intake::Keyring& keys, const WorkspaceId& workspace,
                                   const SealedFile& file) {
    TRY(const security::Secret name,
        open_sealed(keys, name_cell(workspace, file.row.id), file.row.name, file.workspace_keys));
    return std::string{name.expose_text()};
}

runtime::Task<Result<http::Response>> make_file_response(Services& services, store::FileRow row,
                                                         std::string name) {
    auto file = co_await services.blobs.open(services.loop, row.sha256);
    if (!file && file.error().code == Errc::not_found)
        co_return fail(Errc::gone, "the content of this file is no longer kept");
    if (!file) co_return pass(std::move(file).error());
    if ((*file)->size() != static_cast<std::uint64_t>(row.bytes))
        co_return fail(Errc::corrupt, "a stored file has another size than was recorded");
    http::Response response;
    response.fixed_fields = file_fields;
    response.headers.add("content-type", safe_media_type(row.media_type));
    response.headers.add("content-disposition", make_disposition(name));
    response.headers.add("etag", fmt::format("\"{}\"", to_hex(row.sha256)));
    response.source = std::make_unique<StoredBytes>(services, std::move(*file));
    co_return response;
}

runtime::Task<Result<>> note_file_access(Services& services, store::FileAccessRow access) {
    co_return co_await store::write(services.loop, services.writer,
                                    [access = std::move(access)](store::Tx& tx) {
                                        return store::insert_file_access(tx.db(), access);
                                    });
}

}  // namespace blotter::api
