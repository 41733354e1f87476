#include "documents/document.hpp"

#include <array>
#include <utility>

namespace blotter::documents {
namespace {

constexpr std::array<std::pair<DocumentType, std::string_view>, 5> names{{
    {DocumentType::invoice, "invoice"},
    {DocumentType::credit_note, "credit_note"},
    {DocumentType::receipt, "receipt"},
    {DocumentType::expense, "expense"},
    {DocumentType::other, "other"},
}};

}  // namespace

std::string_view to_text(DocumentType type) {
    for (const auto& [value, name] : names)
        if (value == type) return name;
    return "";
}

std::optional<DocumentType> parse_document_type(std::string_view text) {
    for (const auto& [value, name] : names)
        if (name == text) return value;
    return std::nullopt;
}

}  // namespace blotter::documents
