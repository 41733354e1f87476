#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/destination.hpp"
#include "model/event_types.hpp"

namespace blotter::connectors {

/// What a body is made from: an accepted event as the store keeps it. A value.
struct EventFacts {
    std::int64_t seq = 0;
    EventId id;
    EventType type = EventType::source_unknown;
    Timestamp occurred_at;
    Timestamp accepted_at;
    std::int64_t workspace_no = 0;
    std::string workspace_id;
    std::string entity_id;  ///< empty: none
    std::optional<std::int64_t> envelope_no;
    /// Set by intake for an envelope that another application keeps; see store::EventRow.
    std::optional<std::int64_t> order_key;
    /// Null where the payload says it all; see `data_of`.
    json::Value data;
    /// `canonical_payload`, where it was written already; null elsewhere.
    std::shared_ptr<const std::string> payload;
};

/// Gives the address of a file for one destination, and how long it is promised to work.
struct Links {
    std::function<std::string(const FileId&)> url;
    Timestamp expires_at;
};

/// The body of one event for one destination. A function of its arguments alone, so that every
/// attempt of a delivery sends the same bytes.
std::string render_body(const EventFacts& event, BodyFormat format, bool aliases,
                        const Links& links);

/// The body without writing it: the payload itself, when that is what `render_body` would give.
/// Null when it is not, or not at hand.
std::shared_ptr<const std::string> ready_body(const EventFacts& event, BodyFormat format,
                                              bool aliases);

/// Whether `ready_body` will be the payload for this destination, as long as the event names no
/// file: then nobody needs the event's data as a tree.
bool is_payload_enough(const Destination& destination, EventType type);

/// The `data` of a payload. Errc::corrupt.
Result<json::Value> data_of(std::string_view payload);

/// The event as the destination needs it: with its data, unless the payload is enough.
std::shared_ptr<const EventFacts> with_data(std::shared_ptr<const EventFacts> event,
                                            const Destination& destination);

/// The plain facts as the ledger commits to them: the standard body without links.
std::string canonical_payload(const EventFacts& event);
/// The same for facts that are without their data yet.
std::string canonical_payload(const EventFacts& event, const json::Value& data);

}  // namespace blotter::connectors
