#include "store/tables/open_work.hpp"

#include "store/tables/delivery_times.hpp"
#include "store/tables/queue.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query open_of_destination{
    "delivery.open_of_destination",
    "SELECT d.no, d.next_ms, COALESCE(e.order_key, e.envelope_no, 0) FROM delivery d "
    "LEFT JOIN event e ON e.seq = d.event_seq "
    "WHERE d.destination_no = ?1 AND d.no > ?2 AND d.state IN (1, 3) ORDER BY d.no LIMIT ?3"};
// Skips from destination to destination instead of reading every held row.
constexpr sql::Query next_holding{
    "held.next_destination",
    "SELECT destination_no FROM held WHERE destination_no > ?1 ORDER BY destination_no LIMIT 1"};

}  // namespace

Result<OpenDeliveries> list_open_deliveries(sql::Connection& db, std::int64_t destination_no,
                                            std::int64_t after, std::size_t limit) {
    OpenDeliveries out;
    TRY(const std::int64_t newest, newest_delivery_no(db));
    const auto read = [](const sql::Statement& s) {
        return OpenDelivery{s.integer(0), sql::time_if(s, 1),
                            static_cast<std::uint64_t>(s.integer(2))};
    };
    TRY(out.rows, sql::all(db, open_of_destination, read, destination_no, after, limit));
    out.through = out.rows.size() == limit ? out.rows.back().no : newest;
    return out;
}

Result<std::vector<DeliveryRow>> list_overdue(sql::Connection& db, Timestamp until,
                                              const TimePosition& after, std::size_t limit) {
    TRY(const auto due, list_due(db, until, after, limit));
    std::vector<DeliveryRow> out;
    for (const DueRow& one : due) {
        TRY(auto row, load_delivery(db, one.delivery_no));
        if (row && row->next_at) out.push_back(std::move(*row));
    }
    return out;
}

Result<std::vector<std::int64_t>> list_holding_destinations(sql::Connection& db) {
    std::vector<std::int64_t> out;
    std::int64_t after = 0;
    for (;;) {
        TRY(const auto next,
            sql::one(
                db, next_holding, [](const sql::Statement& s) { return s.integer(0); }, after));
        if (!next) return out;
        out.push_back(*next);
        after = *next;
    }
}

}  // namespace blotter::store
