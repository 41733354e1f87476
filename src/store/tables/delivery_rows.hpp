#pragma once

#include <algorithm>

#include "store/tables/delivered.hpp"
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

inline constexpr sql::Query event_id_of{"event.id_of", "SELECT id FROM event WHERE seq = ?1"};

/// One that stands in a block.
inline Result<DeliveryRow> row_of(sql::Connection& db, const Delivered& d) {
    const auto read = [](const sql::Statement& s) { return sql::id_at<EventId>(s, 0); };
    TRY(const auto event, sql::one(db, event_id_of, read, d.event_seq));
    return DeliveryRow{.no = d.no,
                       .id = planned_delivery_id(event.value_or(EventId{}), d.destination_no),
                       .event_seq = d.event_seq,
                       .destination_no = d.destination_no,
                       .workspace_no = d.workspace_no,
                       .replay_of = {},
                       .state = DeliveryState::delivered,
                       .attempts = 1,
                       .first_at = d.started_at,
                       .last_at = d.started_at,
                       .next_at = {},
                       .reference = {},
                       .reason = {},
                       .created_at = d.created_at};
}

}  // namespace blotter::store::detail
