#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "documents/document.hpp"

/// What goes to the accounting system. The format is docs/formats/documents.md.
namespace blotter::documents {

struct PayloadContext {
    WorkspaceId workspace;
    EntityId entity;
    std::string entity_reference;
    std::string entity_name;
    std::string public_url;  ///< begins `fileUrl`; without a slash at the end
};

/// The JSON body for a validated document: a function of the document's content, so every attempt
/// sends the same bytes. Amounts are decimal strings. The file is not in it: `fileUrl` is.
json::Value make_payload(const Document& document, const PayloadContext& context);

/// The same for a document that is made up, with `test` set: what the test button sends.
json::Value make_sample_payload(const PayloadContext& context, std::string request_id);

/// JSON Schema (draft 7) of the payload.
std::string_view payload_schema();

/// The document of the published example, and where it belongs.
Document example_document();
PayloadContext example_context();

}  // namespace blotter::documents
