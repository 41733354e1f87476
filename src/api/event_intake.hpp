#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/event_request.hpp"
#include "api/services.hpp"

/// What becomes of a posted event. Writer's thread only.
namespace blotter::api {

/// Members of the answer: {id, status: "accepted", accepted_at, deliveries, repeated?} or
/// {status: "quarantined", quarantine_id, reason, pointer, repeated?}.
using EventAnswer = json::Object;

/// Accepts the event, or sets it aside with an alert when it is suspicious. The errors of
/// `is_of_the_event` are the event's own: nothing of it was written that matters.
Result<EventAnswer> take_event(store::Tx& tx, WriterSide& side, std::int64_t workspace_no,
                               PostedEvent event, const std::optional<std::string>& key);

/// The kind of the alert that an event was set aside.
inline constexpr std::string_view quarantined_alert = "event_quarantined";

/// Whether the event is at fault, and not the store.
bool is_of_the_event(Errc code);

/// Accepts it whatever its data is like: for a person who releases it from quarantine.
Result<EventAnswer> accept_event(store::Tx& tx, WriterSide& side, std::int64_t workspace_no,
                                 PostedEvent event, const std::optional<std::string>& key);

/// Where the text of a quarantined event is sealed: the event as JSON, as it was sent.
security::Cell quarantine_cell(const WorkspaceId& workspace, const QuarantineId& id);

}  // namespace blotter::api
