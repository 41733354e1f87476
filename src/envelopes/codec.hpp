#pragma once

#include "base/json.hpp"
#include "model/envelope.hpp"

namespace blotter::envelopes {

/// The stored form of an envelope, version 1: everything but the row's own columns (id, workspace,
/// entity, state, times of state, version). Sealed before it reaches the store, because it names
/// people.
json::Value to_document(const Envelope& envelope);
/// Fills `into`, whose columns are set already. Errc::corrupt for anything unexpected.
Result<> from_document(const json::Value& document, Envelope& into);

/// What the API shows of an envelope.
json::Value to_view(const Envelope& envelope);

/// The body of `POST /v1/envelopes`, checked: title, level, external_id, entity_id is left to the
/// caller, expires_at, metadata, recipients. Files are named by id and resolved by the caller.
struct EnvelopeRequest {
    Envelope envelope;  ///< recipients without ids
    std::string entity_id;
    struct FileReference {
        std::string file_id;
        FileKind kind = FileKind::original;
    };
    std::vector<FileReference> files;
};
Result<EnvelopeRequest> parse_request(const json::Value& body, std::size_t metadata_bytes_max);

}  // namespace blotter::envelopes
