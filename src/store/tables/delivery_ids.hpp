#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"

namespace blotter::store {

/// The public id of the delivery that was planned when its event was accepted: the event's id with
/// its destination mixed into the last 62 bits. So no row needs an id, nor an index of ids. What is
/// sent again has an id of its own.
DeliveryId planned_delivery_id(const EventId& event, std::int64_t destination_no);

/// The destination whose planned delivery of that event has this id. Nothing when it cannot be one
/// of the event's; whether the destination exists is for the caller to see.
std::optional<std::int64_t> destination_in(const DeliveryId& id, const EventId& event);

/// Bounds, both included, of the ids of the events that a delivery with this id can belong to:
/// hardly ever more than one.
struct EventIdRange {
    EventId first;
    EventId last;
};
EventIdRange events_of(const DeliveryId& id);

}  // namespace blotter::store
