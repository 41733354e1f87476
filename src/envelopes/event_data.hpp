#pragma once

#include <optional>

#include "base/json.hpp"
#include "model/envelope.hpp"
#include "model/event_types.hpp"

namespace blotter::envelopes {

/// The `data` member of an envelope's event, as published in the schema of its type. Names and
/// addresses of recipients are in it, IP addresses are not: a receiver does not need them.
json::Value event_data(const Envelope& envelope, EventType type,
                       const std::optional<RecipientId>& recipient);

json::Value recipient_to_json(const Recipient& recipient);
json::Value file_to_json(const EnvelopeFile& file);

}  // namespace blotter::envelopes
