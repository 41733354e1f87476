#pragma once

#include <optional>
#include <vector>

#include "api/sealed_rows.hpp"
#include "api/services.hpp"
#include "envelopes/machine.hpp"
#include "store/tables/envelopes.hpp"

/// Envelopes between the store's sealed rows and the state machine.
namespace blotter::api {

/// What the API shows of an envelope: the machine's view and the entity's id.
json::Value view_of(const Envelope& envelope, const routing::Directory& directory);

// --- Writer's thread. ---

/// A new envelope with the events of its making. Fills the ids of its recipients and its number.
Result<Envelope> insert_envelope(store::Tx& tx, WriterSide& side,
                                 const routing::WorkspaceFacts& workspace, Envelope draft);

struct EnvelopePlace {
    std::int64_t workspace_no = 0;
    EnvelopeId id;
    /// When given, the change is made for this version: Errc::precondition_failed for another one.
    std::optional<std::int64_t> version;
};
/// The one way to change an envelope: loads it, lets the machine decide, writes what follows and
/// accepts the events, in order. Nothing is written for a report that repeats what is known.
/// Errc::precondition_failed also when the envelope could be completed but for an audit trail:
/// the signed PDF is stored together with one or not at all, so no crash can come between them.
/// Appends to the ledger: the last thing in a piece of work.
Result<Envelope> change_envelope(store::Tx& tx, WriterSide& side, const EnvelopePlace& place,
                                 const envelopes::Command& command);

// --- Any thread: rows are read on one, opened on the one that owns the keys. ---

using SealedEnvelope = SealedRow<store::EnvelopeRow>;
using SealedEnvelopes = SealedRows<store::EnvelopeRow>;
/// Any connection. Errc::not_found for unknown and foreign ones.
Result<SealedEnvelopes> load_sealed_envelope(sql::Connection& db, std::int64_t workspace_no,
                                             const EnvelopeId& id);
/// Errc::gone when its data was erased, corrupt when it cannot be read.
Result<Envelope> open_envelope(intake::Keyring& keys, const WorkspaceId& workspace,
                               const SealedEnvelope& sealed,
                               const std::vector<store::DataKeyRow>& workspace_keys);

}  // namespace blotter::api
