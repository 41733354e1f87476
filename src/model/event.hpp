#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "model/event_types.hpp"

namespace blotter {

/// An event before it is accepted: what happened, not yet numbered or written. Made by the state
/// machines of envelopes and documents, by the events API and, later, by inbound sources.
struct EventDraft {
    EventType type = EventType::source_unknown;
    Timestamp occurred_at;
    std::optional<EventId> id;           ///< set by the client, otherwise chosen at intake
    std::optional<EnvelopeId> envelope;  ///< whose history this belongs to
    std::optional<std::int64_t> envelope_no;
    std::optional<DocumentId> document;  ///< whose history it belongs to, if no envelope's
    std::optional<std::int64_t> document_no;
    std::vector<std::int64_t> entity_nos;  ///< which legal entities it concerns
    json::Value data = json::Object{};     ///< the `data` member of the standard body
};

/// An accepted event: immutable, durable and in the ledger.
struct Event {
    std::int64_t seq = 0;
    EventId id;
    std::int64_t workspace_no = 0;
    EventType type = EventType::source_unknown;
    Timestamp occurred_at;
    Timestamp accepted_at;
    std::optional<std::int64_t> envelope_no;
    std::vector<std::int64_t> entity_nos;
    json::Value data;
};

}  // namespace blotter
