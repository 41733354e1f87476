#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/sealed_rows.hpp"
#include "api/services.hpp"
#include "documents/machine.hpp"
#include "store/tables/documents.hpp"

/// Documents between the store's sealed rows and the state machine.
namespace blotter::api {

/// The kind of the alert that a document could not be sent, or may or may not have been.
inline constexpr std::string_view not_posted_alert = "document_not_posted";

// --- Writer's thread. ---

/// A new draft. Fills its id, number and times.
Result<documents::Document> insert_document(store::Tx& tx, WriterSide& side,
                                            const routing::WorkspaceFacts& workspace,
                                            documents::Document draft);

struct DocumentPlace {
    std::int64_t workspace_no = 0;
    DocumentId id;
};
/// Errc::not_found for unknown and foreign ones.
Result<documents::Document> load_document(store::Tx& tx, WriterSide& side,
                                          const DocumentPlace& place);
/// Writes what the machine decided: the row, the attempt that ended, an alert, and last the events.
/// Nothing when nothing changed.
Result<> write_step(store::Tx& tx, WriterSide& side, documents::Transition& step,
                    std::optional<store::SendRow> ended = std::nullopt);
/// The two together: load, let the machine decide, write.
Result<documents::Transition> change_document(store::Tx& tx, WriterSide& side,
                                              const DocumentPlace& place,
                                              const documents::Command& command);

/// Seals a detail of the document, such as what an attempt came to.
Result<Bytes> seal_detail(store::Tx& tx, WriterSide& side, const documents::Document& document,
                          std::string_view text);

// --- Any thread: rows are read on one, opened on the one that owns the keys. ---

using SealedDocument = SealedRow<store::DocumentRow>;
using SealedDocuments = SealedRows<store::DocumentRow>;
/// Any connection. Errc::not_found for unknown and foreign ones.
Result<SealedDocuments> load_sealed_document(sql::Connection& db, const DocumentPlace& place);
/// Errc::gone when its data was erased, corrupt when it cannot be read.
Result<documents::Document> open_document(intake::Keyring& keys, const WorkspaceId& workspace,
                                          const SealedDocument& sealed,
                                          const std::vector<store::DataKeyRow>& workspace_keys);
/// What `seal_detail` sealed.
Result<json::Value> open_detail(intake::Keyring& keys, const WorkspaceId& workspace,
                                const SealedDocument& sealed,
                                const std::vector<store::DataKeyRow>& workspace_keys,
                                ByteView detail);

}  // namespace blotter::api
