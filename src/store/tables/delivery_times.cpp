#include "store/tables/delivery_times.hpp"

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query delivery_last{"delivery.last",
                                   "SELECT no FROM delivery ORDER BY no DESC LIMIT 1"};
constexpr sql::Query delivery_probe{
    "delivery.probe", "SELECT no, created_ms FROM delivery WHERE no >= ?1 ORDER BY no LIMIT 1"};

}  // namespace

Result<std::int64_t> newest_delivery_no(sql::Connection& db) {
    TRY(const auto last, sql::one(db, delivery_last, detail::first_integer));
    return last.value_or(0);
}

Result<std::int64_t> delivery_no_at(sql::Connection& db, Timestamp at) {
    TRY(const std::int64_t last, newest_delivery_no(db));
    std::int64_t low = 1;
    std::int64_t high = last + 1;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const auto read = [](const sql::Statement& s) {
            return std::pair{s.integer(0), sql::time_at(s, 1)};
        };
        TRY(const auto probe, sql::one(db, delivery_probe, read, middle));
        // Numbers have gaps where retention was at work: `probe` is the next one that is there.
        if (!probe || probe->second >= at)
            high = middle;
        else
            low = probe->first + 1;
    }
    return low;
}

}  // namespace blotter::store
