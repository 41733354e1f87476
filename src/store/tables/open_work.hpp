#pragma once

#include "store/tables/deliveries.hpp"

/// What delivery looks for when it takes up its work: deliveries that are not over.
namespace blotter::store {

/// One row of an ordered destination: enough to decide its turn.
struct OpenDelivery {
    std::int64_t no = 0;
    std::optional<Timestamp> next_at;
    std::uint64_t order_key = 0;  ///< see EventRow::order
};
struct OpenDeliveries {
    std::vector<OpenDelivery> rows;
    /// Every row up to this number that was not final is in `rows` or before it.
    std::int64_t through = 0;
};
/// Deliveries of a destination that are queued or retrying, with a number above `after`, ascending.
Result<OpenDeliveries> list_open_deliveries(sql::Connection& db, std::int64_t destination_no,
                                            std::int64_t after, std::size_t limit);

/// Deliveries that were due before `until` and still wait, earliest first, after a position.
Result<std::vector<DeliveryRow>> list_overdue(sql::Connection& db, Timestamp until,
                                              const TimePosition& after, std::size_t limit);

/// Destinations that have held deliveries, in order of number.
Result<std::vector<std::int64_t>> list_holding_destinations(sql::Connection& db);

}  // namespace blotter::store
