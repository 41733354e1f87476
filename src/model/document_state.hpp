#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace blotter {

/// Where an accounting document stands. Stored; never renumber: indexes name 3.
enum class DocumentState : std::uint8_t {
    draft = 1,      ///< can be changed
    validated = 2,  ///< complete and checked; not sent, or refused
    sending = 3,    ///< a request is under way
    unknown = 4,    ///< it may have been posted: no answer came
    sent = 5,       ///< accepted by the accounting system
};

/// "draft" and so on.
std::string_view to_text(DocumentState state);
std::optional<DocumentState> parse_document_state(std::string_view text);

}  // namespace blotter
