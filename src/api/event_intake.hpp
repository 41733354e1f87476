#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "api/event_request.hpp"
#include "api/services.hpp"

/// What becomes of a posted event. Writer's thread only, but for what says otherwise.
namespace blotter::api {

/// An event whose data is not what it should be waits for a person.
struct SetAside {
    QuarantineId id;
    Error suspicion;
    bool repeated = false;  ///< the same again: it waits already
};
using Taken = std::variant<intake::Accepted, SetAside>;

/// Accepts the event, or sets it aside with an alert when it is suspicious. The errors of
/// `is_of_the_event` are the event's own: nothing of it was written that matters.
Result<Taken> take_event(store::Tx& tx, WriterSide& side, std::int64_t workspace_no,
                         PostedEvent&& event);

/// {id, status: "accepted", accepted_at, deliveries, repeated?} or
/// {status: "quarantined", quarantine_id, reason, pointer, repeated?}. Any thread.
json::Object answer_of(const Taken& taken);
/// The same as text, for the most frequent answer of all. Any thread.
std::string answer_text(const intake::Accepted& accepted);

/// The kind of the alert that an event was set aside.
inline constexpr std::string_view quarantined_alert = "event_quarantined";

/// Whether the event is at fault, and not the store.
bool is_of_the_event(Errc code);

/// Accepts it, and asks nothing about its data: it was found right, or a person releases it from
/// quarantine.
Result<intake::Accepted> accept_event(store::Tx& tx, WriterSide& side, std::int64_t workspace_no,
                                      PostedEvent&& event);

/// Where the text of a quarantined event is sealed: the event as JSON, as it was sent.
security::Cell quarantine_cell(const WorkspaceId& workspace, const QuarantineId& id);

}  // namespace blotter::api
