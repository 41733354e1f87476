#pragma once

#include <algorithm>

#include "store/tables/deliveries.hpp"
#include "store/tables/delivery_ids.hpp"
#include "store/tables/detail.hpp"

/// How a whole delivery row is read. For the sources of this folder.
namespace blotter::store::detail {

/// The last column is the event's id, where the delivery has its own from there.
inline constexpr Text delivery_select{
    "SELECT no, id, event_seq, destination_no, workspace_no, replay_no, replay_of, state, "
    "attempts, first_ms, last_ms, next_ms, reference, reason, created_ms, "
    "CASE WHEN id IS NULL THEN (SELECT e.id FROM event e WHERE e.seq = event_seq) END "
    "FROM delivery "};

inline DeliveryRow read_delivery(const sql::Statement& s) {
    DeliveryRow row{.no = s.integer(0),
                    .id = {},
                    .event_seq = s.integer(2),
                    .destination_no = s.integer(3),
                    .workspace_no = s.integer(4),
                    .replay_no = std::max(s.integer(5), std::int64_t{0}),
                    .replay_of = sql::integer_if(s, 6),
                    .state = enum_at<DeliveryState>(s, 7),
                    .attempts = static_cast<std::uint32_t>(s.integer(8)),
                    .first_at = sql::time_if(s, 9),
                    .last_at = sql::time_if(s, 10),
                    .next_at = sql::time_if(s, 11),
                    .reference = text_if(s, 12),
                    .reason = text_if(s, 13),
                    .created_at = sql::time_at(s, 14)};
    row.id = s.is_null(1) ? planned_delivery_id(sql::id_at<EventId>(s, 15), row.destination_no)
                          : sql::id_at<DeliveryId>(s, 1);
    return row;
}

}  // namespace blotter::store::detail
