#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/envelope.hpp"
#include "model/event.hpp"

namespace blotter::envelopes {

/// What a signing application can report, and what time does by itself.
enum class Action : std::uint8_t {
    send,
    notified,
    delivery_failed,
    viewed,
    authenticated,
    authentication_failed,
    started,
    signed_,
    approved,
    declined,
    reminded,
    reassigned,
    removed,
    returned,
    resubmitted,
    voided,
    attached,  ///< signed PDF, audit trail or attachments are stored
    failed,
    expired,
    deleted,  ///< a draft only
};
std::string_view to_text(Action action);

struct Command {
    Action action = Action::send;
    std::optional<RecipientId> recipient;  ///< for everything that one recipient does
    Timestamp occurred_at;                 ///< as reported; never later than now
    Presence presence;
    std::string reason;
    std::vector<EnvelopeFile> files;     ///< for `attached`
    std::optional<Recipient> successor;  ///< for `reassigned`: name, email, phone
};

/// What a command leads to.
struct Transition {
    Envelope next;
    /// In the order in which they happened. Empty when nothing changed: the same report again.
    std::vector<EventDraft> events;
    /// Everybody has signed and the signed PDF is there, but no audit trail: it is to be written
    /// and handed in with `attached`.
    bool audit_trail_missing = false;
};

/// The envelope's life as a pure function. Refuses what cannot happen with Errc::conflict and the
/// reason; a report that repeats what is already so changes nothing; a terminal state never
/// changes. Events come from here and from nowhere else.
Result<Transition> apply(const Envelope& envelope, const Command& command, Timestamp now);

/// A deleted draft. Kept as a withdrawn envelope, because its last event still needs it; not to be
/// shown any more.
bool is_deleted(const Envelope& envelope);

/// The events of a new envelope. Checks what an envelope needs before it may exist.
Result<Transition> create(Envelope draft, Timestamp now);

/// Who still has to act, in signing order.
std::vector<const Recipient*> missing_recipients(const Envelope& envelope);

}  // namespace blotter::envelopes
