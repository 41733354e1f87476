#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "documents/document.hpp"
#include "documents/machine.hpp"
#include "model/event_types.hpp"

/// Documents between values and JSON.
namespace blotter::documents {

/// A request body: the content, what it is for, and the file that it names.
struct DocumentRequest {
    Content content;
    std::string entity_id;
    std::string file_id;  ///< empty: none
};
/// Reads a request. Amounts are decimal strings or JSON numbers, taken exactly. A supplier or
/// dimension is its reference id, or an object with one. Types and limits only; see totals.hpp.
Result<DocumentRequest> parse_request(const json::Value& body, std::size_t metadata_bytes_max);

/// What is stored, sealed: content, revision and sending.
json::Value to_stored(const Document& document);
/// Reads it back into a document whose columns are filled already.
Result<> from_stored(const json::Value& stored, Document& into);

/// What the API shows, without the ids of other things (entity, can_send).
json::Value to_view(const Document& document);

/// The member `document` of an event's data. The whole content of a validated one, and a summary
/// of the others.
json::Value event_view(const Document& document, EventType type);

/// "Ref: INV-2026-0042"; empty without a reference.
std::string reference_label(const Document& document);

}  // namespace blotter::documents
