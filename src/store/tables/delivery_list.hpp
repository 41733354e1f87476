#pragma once

#include "store/tables/deliveries.hpp"

namespace blotter::store {

/// Times are those of creation. All parts given must hold.
struct DeliveryFilter {
    std::int64_t workspace_no = 0;
    std::optional<std::int64_t> event_seq;
    std::optional<std::int64_t> destination_no;
    std::optional<DeliveryState> state;
    std::optional<Timestamp> from;   ///< inclusive
    std::optional<Timestamp> until;  ///< exclusive
};
/// Positions are delivery numbers.
Result<Page<DeliveryRow>> list_deliveries(sql::Connection& db, const DeliveryFilter& filter,
                                          const PageOptions& page);

}  // namespace blotter::store
