#pragma once

#include <optional>
#include <span>
#include <vector>

#include "store/sql.hpp"

namespace blotter::store {

/// Where an event goes, and the numbers of its deliveries: the column `event.plan`, packed.hpp's
/// numbers, of which the first is 0 and the second the number of the first delivery. A plan that
/// does not begin with 0 is older than such numbers.
struct EventPlan {
    std::int64_t first_delivery = 0;  ///< 0: its deliveries have no numbers of the event's
    std::vector<std::int64_t> destination_nos;  ///< in order of routing

    bool is_numbered() const { return first_delivery != 0; }
    /// One past the number of the last delivery.
    std::int64_t end() const { return first_delivery + std::ssize(destination_nos); }
    /// Of a numbered plan; nothing when the destination is not in it.
    std::optional<std::int64_t> number_of(std::int64_t destination_no) const;
};

/// Appends to `out`; nothing for no destinations.
void pack_plan(std::int64_t first_delivery, std::span<const std::int64_t> destination_nos,
               Bytes& out);
/// `corrupt` for what `pack_plan` cannot have written.
Result<EventPlan> unpack_plan(ByteView packed);
/// Nothing when the event goes nowhere, or is no longer kept.
Result<std::optional<EventPlan>> load_plan(sql::Connection& db, std::int64_t event_seq);

}  // namespace blotter::store
