#pragma once

#include <string_view>

#include "store/tables/deliveries.hpp"

/// What waits: the due index (a retry or a queued delivery and its time) and the held index. Both
/// are kept in step with the delivery rows by the functions of deliveries.hpp and by these.
namespace blotter::store {

struct DueRow {
    Timestamp due_at;
    std::int64_t delivery_no = 0;
    std::int64_t destination_no = 0;
    bool operator==(const DueRow&) const = default;
};
/// Wider than a page: a start reads everything that waits.
inline constexpr std::size_t due_slice_rows_max = 10'000;
/// Earliest first, after a position. Reading everything at start: until the end of time, slice by
/// slice, from the last row of each; one with fewer rows than the limit is the last. At most
/// `due_slice_rows_max`.
Result<std::vector<DueRow>> list_due(sql::Connection& db, Timestamp until,
                                     const TimePosition& after, std::size_t limit);
Result<std::vector<DueRow>> list_due_of_destination(sql::Connection& db,
                                                    std::int64_t destination_no,
                                                    const TimePosition& after, std::size_t limit);

/// Numbers of held deliveries, oldest first.
Result<std::vector<std::int64_t>> list_held(sql::Connection& db, std::int64_t destination_no,
                                            std::int64_t after, std::size_t limit);

/// What waits over all destinations, each counted up to `cap`.
struct QueueFigures {
    Count due;   ///< rows that wait for their time, or for their turn
    Count held;  ///< behind destinations that are paused or disabled
    std::optional<Timestamp> oldest_due;
};
Result<QueueFigures> read_queue_figures(sql::Connection& db, std::int64_t cap);

/// One slice of a change to everything that waits for a destination.
struct QueueSlice {
    std::int64_t destination_no = 0;
    Timestamp at;             ///< for a release: the new due time
    std::string_view reason;  ///< kept with the deliveries
    std::size_t limit = 500;
};
/// Due → held, earliest first. Gives the numbers; fewer than the limit means that it is done.
Result<std::vector<std::int64_t>> hold_due(sql::Connection& db, const QueueSlice& slice);
/// Held → queued (or retrying, when attempts were made), due at `at`, oldest first.
Result<std::vector<std::int64_t>> release_held(sql::Connection& db, const QueueSlice& slice);
/// Due and held → cancelled.
Result<std::vector<std::int64_t>> cancel_waiting(sql::Connection& db, const QueueSlice& slice);

}  // namespace blotter::store
