#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/event_types.hpp"
#include "routing/directory.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/events.hpp"

/// What a replay sends again. Pure but for `select_…`, which read.
namespace blotter::api {

/// Which deliveries are taken. `ended` is all that are not on their way anyway.
enum class ReplayWhat : std::uint8_t { ended, failed, held, cancelled, delivered, missing };
std::string_view to_text(ReplayWhat what);
std::optional<ReplayWhat> parse_replay_what(std::string_view text);

/// The selection of a replay, kept as JSON with it. `missing` means events of the range that the
/// destination would take today and that have no delivery there; it needs a destination.
struct ReplaySelection {
    std::int64_t workspace_no = 0;
    std::optional<std::int64_t> destination_no;
    Timestamp from;   ///< inclusive
    Timestamp until;  ///< exclusive
    std::optional<EventTypes> types;
    ReplayWhat what = ReplayWhat::ended;
    bool operator==(const ReplaySelection&) const = default;
};
json::Value to_json(const ReplaySelection& selection);
/// The stored form; workspace and destination have columns of their own.
Result<ReplaySelection> selection_from_json(const json::Value& json);

/// Whether a delivery belongs to the selection, as far as its own row and event type say.
bool takes(const ReplaySelection& selection, const store::DeliveryRow& row, EventType type);
/// Whether a failed or cancelled delivery was followed by another one, of the same event for the
/// same destination, that was delivered or is on its way: then it is not sent once more.
bool is_followed(const store::DeliveryRow& row, const std::vector<store::DeliveryRow>& of_event);

/// One delivery to make.
struct ReplayItem {
    std::int64_t event_seq = 0;
    std::int64_t destination_no = 0;
    std::optional<std::int64_t> replay_of;
    std::uint64_t order_key = 0;  ///< the envelope's number, 0 for none
};
struct ReplaySlice {
    std::vector<ReplayItem> items;
    std::optional<std::int64_t> next;  ///< where to go on; empty: that was all
};

/// Deliveries after a position, oldest first. Those that replay `own_no` made are left out, and
/// those of events whose data was erased.
struct DeliverySliceQuery {
    std::int64_t after = 0;
    std::int64_t own_no = 0;
};
Result<ReplaySlice> select_deliveries(sql::Connection& db, const ReplaySelection& selection,
                                      const DeliverySliceQuery& query);

/// Events after a position without a delivery at the destination, erased ones left out: scope and
/// types are checked, the filter is not, because that needs the open event.
struct EventSlice {
    std::vector<store::EventRow> events;  ///< without payload
    std::optional<std::int64_t> next;
};
Result<EventSlice> select_missing(sql::Connection& db, const ReplaySelection& selection,
                                  const Destination& destination, std::int64_t after);

}  // namespace blotter::api
