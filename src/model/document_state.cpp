#include "model/document_state.hpp"

#include <array>
#include <utility>

namespace blotter {
namespace {

constexpr std::array<std::pair<DocumentState, std::string_view>, 5> names{{
    {DocumentState::draft, "draft"},
    {DocumentState::validated, "validated"},
    {DocumentState::sending, "sending"},
    {DocumentState::unknown, "unknown"},
    {DocumentState::sent, "sent"},
}};

}  // namespace

std::string_view to_text(DocumentState state) {
    for (const auto& [value, name] : names)
        if (value == state) return name;
    return "";
}

std::optional<DocumentState> parse_document_state(std::string_view text) {
    for (const auto& [value, name] : names)
        if (name == text) return value;
    return std::nullopt;
}

}  // namespace blotter
