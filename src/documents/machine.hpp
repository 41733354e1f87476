#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "documents/document.hpp"
#include "documents/resolution.hpp"
#include "model/event.hpp"

namespace blotter::documents {

/// What an attempt came to.
enum class Outcome : std::uint8_t {
    sent,     ///< 2xx
    failed,   ///< another status, or the request never left
    unknown,  ///< the request left, and no answer came
};
std::string_view to_text(Outcome outcome);

// Commands.
struct Edit {
    Content content;  ///< checked
};
/// Freezes the content; `content` has the names of what it refers to.
struct Validate {
    Content content;
};
struct Reopen {};  ///< back to a draft
enum class Cause : std::uint8_t {
    person,  ///< somebody asked
    forced,  ///< somebody asked, although it was sent before
    retry,   ///< its time has come
};
struct Dispatch {
    Cause cause = Cause::person;
    Route route;
};
struct Settle {
    std::uint32_t attempt = 0;  ///< its number; another one than that under way changes nothing
    Outcome outcome = Outcome::unknown;
    std::string reference;           ///< of a success; empty: none came
    std::optional<SendError> error;  ///< of the others
    std::optional<Timestamp> retry_at;
    /// Nobody waits for an answer, and no retry follows: a person must be told.
    bool given_up = false;
};
/// The process that was sending it is gone, or could not write what came of it.
struct Lost {};
/// Its time has come, and it has nowhere to go.
struct Undeliverable {
    SendError error;
};
using Command = std::variant<Edit, Validate, Reopen, Dispatch, Settle, Lost, Undeliverable>;

/// What a command leads to.
struct Transition {
    Document next;
    std::vector<EventDraft> events;  ///< in order; without `data` of other rooms
    bool changed = false;
    bool already_sent = false;  ///< a send that is not needed
    bool alert = false;         ///< a person must look at it
};

/// The document's life as a pure function. Refuses what cannot happen with Errc::conflict and the
/// reason. Events come from here and from nowhere else. After `sending` is stored, exactly one
/// request may go out, under the document's own id.
Result<Transition> apply(const Document& document, const Command& command, Timestamp now);

/// Whether a send could start now, as far as the document itself is concerned.
Result<> may_send(const Document& document);

/// A new draft.
Document create(Document draft, Timestamp now);

/// The idempotency id of everything that is ever sent for the document.
inline std::string request_id_of(const Document& document) {
    return document.id.text();
}

}  // namespace blotter::documents
