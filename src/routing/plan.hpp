#pragma once

#include <string>
#include <vector>

#include "model/event.hpp"
#include "routing/directory.hpp"

namespace blotter::routing {

/// What routing looks at. Views: valid during the call.
struct Subject {
    std::int64_t workspace_no = 0;
    EventType type = EventType::source_unknown;
    Timestamp occurred_at;
    const std::vector<std::int64_t>* entity_nos = nullptr;
    const json::Value* data = nullptr;
};

/// Every destination that gets the event, whatever its state: those that are not enabled hold it.
struct Plan {
    std::vector<TargetPtr> targets;
    /// Whose filter could not say for this event: it does not get it, and somebody must hear of it.
    struct Unclear {
        TargetPtr target;
        std::string problem;
    };
    std::vector<Unclear> unclear;
};
Plan plan(const Directory& directory, const Subject& subject);

/// Whether one destination's filter takes the event, and if it could not say, why.
expression::Match filter_match(const Target& target, const Subject& subject);
/// Which part of the filter said what. For people who test a destination.
expression::Explanation explain_filter(const Target& target, const Subject& subject);

/// The entities that metadata names: for each key in the workspace's setting
/// `entity_metadata_keys` (default: "entity", "entities"), a reference or a list of them. So one
/// agreement reaches both subsidiaries with the same document id.
struct NamedEntities {
    std::vector<std::int64_t> nos;
    /// The keys whose value names something that is no entity; empty in a workspace without any.
    std::vector<std::string> unclear_keys;
};
NamedEntities entities_in_metadata(const Directory& directory, std::int64_t workspace_no,
                                   const json::Value& data);

/// The metadata of an event: its own, or its envelope's. Null when there is none.
const json::Value* metadata_of(const json::Value& data);

}  // namespace blotter::routing
