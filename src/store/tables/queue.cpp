#include "store/tables/queue.hpp"

#include <algorithm>

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query due_list{"due.list",
                              "SELECT due_ms, delivery_no, destination_no FROM due "
                              "WHERE due_ms <= ?1 AND (due_ms, delivery_no) > (?2, ?3) "
                              "ORDER BY due_ms, delivery_no LIMIT ?4"};
constexpr sql::Query due_of_destination{
    "due.of_destination",
    "SELECT due_ms, delivery_no, destination_no FROM due "
    "WHERE destination_no = ?1 AND (due_ms, delivery_no) > (?2, ?3) "
    "ORDER BY due_ms, delivery_no LIMIT ?4"};
constexpr sql::Query held_list{
    "held.list",
    "SELECT delivery_no FROM held WHERE destination_no = ?1 AND delivery_no > ?2 "
    "ORDER BY delivery_no LIMIT ?3"};

constexpr sql::Query due_total{"due.total", "SELECT due_ms FROM due LIMIT ?1"};
constexpr sql::Query held_total{"held.total", "SELECT delivery_no FROM held LIMIT ?1"};
constexpr sql::Query due_oldest{"due.oldest", "SELECT due_ms FROM due ORDER BY due_ms LIMIT 1"};

DueRow read_due(const sql::Statement& s) {
    return {sql::time_at(s, 0), s.integer(1), s.integer(2)};
}

/// Where one delivery goes.
struct Target {
    DeliveryState state;
    std::optional<Timestamp> next_at;
};

/// Moves each delivery to where `decide(row)` says. One by one: what waits is never on the happy
/// path, and so the rows and both indexes are kept in step in one place (`change_delivery`).
template <typename Decide>
Result<std::vector<std::int64_t>> move_all(sql::Connection& db,
                                           const std::vector<std::int64_t>& numbers,
                                           std::string_view reason, Decide decide) {
    std::vector<std::int64_t> moved;
    moved.reserve(numbers.size());
    for (const std::int64_t no : numbers) {
        TRY(const auto row, load_delivery(db, no));
        if (!row)
            return fail(Errc::corrupt,
                        "a delivery waits that does not exist: number " + std::to_string(no));
        const Target target = decide(*row);
        TRY(const Applied applied,
            change_delivery(db, {no, row->state, target.state, target.next_at, reason}));
        if (applied == Applied::no)
            return fail(Errc::corrupt,
                        "a delivery waits that has ended: number " + std::to_string(no));
        moved.push_back(no);
    }
    return moved;
}

Result<std::vector<std::int64_t>> due_numbers(sql::Connection& db, const QueueSlice& slice) {
    const auto number = [](const sql::Statement& s) { return s.integer(1); };
    const TimePosition start;
    return sql::all(db, due_of_destination, number, slice.destination_no, start.at, start.no,
                    detail::limit_of(slice.limit));
}

}  // namespace

Result<std::vector<DueRow>> list_due(sql::Connection& db, Timestamp until,
                                     const TimePosition& after, std::size_t limit) {
    return sql::all(db, due_list, read_due, until, after.at, after.no,
                    std::clamp<std::size_t>(limit, 1, due_slice_rows_max));
}

Result<std::vector<DueRow>> list_due_of_destination(sql::Connection& db,
                                                    std::int64_t destination_no,
                                                    const TimePosition& after, std::size_t limit) {
    return sql::all(db, due_of_destination, read_due, destination_no, after.at, after.no,
                    detail::limit_of(limit));
}

Result<std::vector<std::int64_t>> list_held(sql::Connection& db, std::int64_t destination_no,
                                            std::int64_t after, std::size_t limit) {
    return sql::all(db, held_list, detail::first_integer, destination_no, after,
                    detail::limit_of(limit));
}

Result<std::vector<std::int64_t>> hold_due(sql::Connection& db, const QueueSlice& slice) {
    TRY(const auto numbers, due_numbers(db, slice));
    return move_all(db, numbers, slice.reason,
                    [](const DeliveryRow&) { return Target{DeliveryState::held, std::nullopt}; });
}

Result<std::vector<std::int64_t>> release_held(sql::Connection& db, const QueueSlice& slice) {
    TRY(const auto numbers, list_held(db, slice.destination_no, 0, slice.limit));
    return move_all(db, numbers, slice.reason, [&](const DeliveryRow& row) {
        return Target{row.attempts == 0 ? DeliveryState::queued : DeliveryState::retrying,
                      slice.at};
    });
}

Result<std::vector<std::int64_t>> cancel_waiting(sql::Connection& db, const QueueSlice& slice) {
    TRY(auto numbers, due_numbers(db, slice));
    const std::size_t limit = detail::limit_of(slice.limit);
    if (numbers.size() < limit) {
        TRY(const auto held, list_held(db, slice.destination_no, 0, limit - numbers.size()));
        numbers.insert(numbers.end(), held.begin(), held.end());
    }
    return move_all(db, numbers, slice.reason, [](const DeliveryRow&) {
        return Target{DeliveryState::cancelled, std::nullopt};
    });
}

Result<QueueFigures> read_queue_figures(sql::Connection& db, std::int64_t cap) {
    QueueFigures out;
    TRY(out.due, detail::count_rows(db, due_total, cap));
    TRY(out.held, detail::count_rows(db, held_total, cap));
    const auto time = [](const sql::Statement& s) { return sql::time_at(s, 0); };
    TRY(out.oldest_due, sql::one(db, due_oldest, time));
    return out;
}

}  // namespace blotter::store
