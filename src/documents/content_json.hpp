#pragma once

#include "base/json_reader.hpp"
#include "documents/document.hpp"

/// The content of a document as JSON: the form that requests, the store and views share.
namespace blotter::documents {

inline constexpr std::size_t lines_max = 1'000;
inline constexpr std::size_t dimensions_max = 32;

/// Takes the members of the content; the caller finishes the reader.
Result<Content> read_content(json::ObjectReader& in);
Result<EnvelopeFile> read_file(const json::Value& value);

void append_content(json::Object& out, const Content& content);

/// Lower-case letters, digits and _, at most 40, beginning with a letter: "cost_center".
bool is_dimension_type(std::string_view text);
/// 1 to 200 bytes without control characters.
Result<> check_reference_id(std::string_view text, const std::string& pointer);

}  // namespace blotter::documents
