#pragma once

#include <string>

#include "api/services.hpp"
#include "http/message.hpp"
#include "http/server.hpp"
#include "model/envelope.hpp"
#include "store/tables/files.hpp"

namespace blotter::api {

/// Takes the body of an upload and stores it. Errc::invalid_argument when it is empty.
runtime::Task<Result<store::Blobs::Stored>> receive_file(Services& services,
                                                         http::BodyReader& body);

/// A file whose bytes are stored already and that is about to get its row.
struct NewFile {
    FileId id;
    std::string name;
    std::string media_type;
    store::Blobs::Stored stored;
};
/// Writes blob and file, the name sealed under the workspace's key. Writer's thread.
Result<store::FileRow> insert_new_file(store::Tx& tx, WriterSide& side,
                                       const routing::WorkspaceFacts& workspace, NewFile file);

/// A file of the workspace as an envelope holds it. Errc::invalid_argument with `pointer` when
/// there is none. Writer's thread.
Result<EnvelopeFile> find_envelope_file(store::Tx& tx, WriterSide& side,
                                        const routing::WorkspaceFacts& workspace, const FileId& id,
                                        const std::string& pointer);
EnvelopeFile envelope_file(const store::FileRow& row, std::string name);

/// A file with what is needed to open its name. Any connection; not_found for foreign ones too.
struct SealedFile {
    store::FileRow row;
    std::vector<store::DataKeyRow> workspace_keys;
};
Result<SealedFile> load_sealed_file(sql::Connection& db, std::int64_t workspace_no,
                                    const FileId& id);
/// On the thread that owns `keys`.
Result<std::string> open_file_name(intake::Keyring& keys, const WorkspaceId& workspace,
                                   const SealedFile& file);

/// What was sealed under a workspace's key: with the keys held, or else with `rows`.
Result<security::Secret> open_sealed(intake::Keyring& keys, const security::Cell& cell,
                                     ByteView sealed, const std::vector<store::DataKeyRow>& rows);

/// The bytes of a file as an answer: streamed, as an attachment, under a type that no browser
/// runs. Errc::gone when the bytes were removed.
runtime::Task<Result<http::Response>> make_file_response(Services& services, store::FileRow row,
                                                         std::string name);

/// Every fetch is on record before its first byte leaves, and so is every refusal.
runtime::Task<Result<>> note_file_access(Services& services, store::FileAccessRow access);

}  // namespace blotter::api
