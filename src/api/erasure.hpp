#pragma once

#include <string>

#include "api/services.hpp"
#include "base/json.hpp"

/// Erasing a person's data: the key under which it was sealed is destroyed, and with it goes what
/// lies elsewhere in the clear. The ledger keeps its entries, and every proof holds.
namespace blotter::api {

struct ErasureRequest {
    std::int64_t workspace_no = 0;
    /// Why, as a word for the ledger: no personal data.
    std::string basis;
    std::string by;  ///< who asks
};

// --- Writer's thread. All of it in one transaction; the same again gives the first answer. ---

/// An envelope with all its events. Errc::conflict while it is under way.
Result<json::Value> erase_envelope(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                   const ErasureRequest& request, const EnvelopeId& id);
/// A document with all its events. Errc::conflict while it is being sent.
Result<json::Value> erase_document(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                   const ErasureRequest& request, const DocumentId& id);
/// An event of its own. Errc::conflict for one that belongs to an envelope or a document.
Result<json::Value> erase_event(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                const ErasureRequest& request, const EventId& id);

/// An event that was set aside and not released; one that waits is rejected with it.
Result<json::Value> erase_quarantined(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                      const ErasureRequest& request, const QuarantineId& id);

/// Removes the bytes of files that an erasure left for after its commit. Also at the start, for
/// those of a process that ended in between. The writer's transaction must be open.
Result<> remove_doomed_blobs(sql::Connection& db, store::Blobs& blobs);

}  // namespace blotter::api
