#pragma once

#include <string>

#include "base/json.hpp"
#include "model/event_types.hpp"

namespace blotter::intake {

/// The published JSON Schema (draft 7) of the `data` member of one event type.
json::Value schema_of(EventType type);
/// A small valid example of the same.
json::Value example_of(EventType type);
/// One sentence on when it is emitted.
std::string_view meaning_of(EventType type);

/// Checks `data` against its type's schema. Errc::quarantined with the place below /data.
Result<> check_event_data(EventType type, const json::Value& data);

}  // namespace blotter::intake
