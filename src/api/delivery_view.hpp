#pragma once

#include <vector>

#include "base/json.hpp"
#include "delivery/hub.hpp"
#include "model/event_types.hpp"
#include "routing/directory.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/deliveries.hpp"

/// How deliveries are shown.
namespace blotter::api {

/// A row with what it names by number.
struct DeliveryFacts {
    store::DeliveryRow row;
    EventId event;
    EventType type = EventType::source_unknown;
    DestinationId destination;
    std::optional<DeliveryId> replay_of;
    std::optional<Timestamp> circuit_until;  ///< set while the destination's circuit is open
};

/// Looks up what rows name; any connection. Destinations that are there come from `directory`.
Result<std::vector<DeliveryFacts>> with_names(sql::Connection& db,
                                              std::vector<store::DeliveryRow> rows,
                                              const routing::Directory& directory);

/// What waits behind an open circuit says so, and until when.
void show_circuits(const delivery::Hub& hub, std::vector<DeliveryFacts>& deliveries);

json::Value view_of(const DeliveryFacts& delivery);

/// Whether the caller may see what receivers answered.
enum class Excerpts : bool { hide, show };
json::Value view_of(const store::AttemptRow& attempt, Excerpts excerpts);

std::string_view to_text(store::DeliveryState state);
std::optional<store::DeliveryState> parse_delivery_state(std::string_view text);

}  // namespace blotter::api
