#include "store/tables/delivery_times.hpp"

#include <algorithm>

#include "store/tables/delivered.hpp"
#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query delivery_last{"delivery.last",
                                   "SELECT no FROM delivery ORDER BY no DESC LIMIT 1"};
constexpr sql::Query delivery_probe{
    "delivery.probe", "SELECT no, created_ms FROM delivery WHERE no >= ?1 ORDER BY no LIMIT 1"};

struct Probe {
    std::int64_t no = 0;
    Timestamp created_at;
};
/// The next one that is there, from a number on.
Result<std::optional<Probe>> probe_from(sql::Connection& db, std::int64_t from) {
    const auto read = [](const sql::Statement& s) {
        return Probe{s.integer(0), sql::time_at(s, 1)};
    };
    TRY(const auto row, sql::one(db, delivery_probe, read, from));
    TRY(const auto no, next_delivered_no(db, from));
    if (!no || (row && row->no < *no)) return row;
    TRY(const auto block, DeliveredBlock::load_of(db, *no));
    TRY(const auto delivered, block.find(*no));
    return Probe{*no, delivered ? delivered->created_at : Timestamp{}};
}

}  // namespace

Result<std::int64_t> newest_delivery_no(sql::Connection& db) {
    TRY(const auto row, sql::one(db, delivery_last, detail::first_integer));
    TRY(const auto delivered, newest_delivered_no(db));
    return std::max(row.value_or(0), delivered.value_or(0));
}

Result<std::optional<std::int64_t>> next_delivery_no(sql::Connection& db, std::int64_t from) {
    TRY(const auto probe, probe_from(db, from));
    if (!probe) return std::nullopt;
    return probe->no;
}

Result<std::int64_t> delivery_no_at(sql::Connection& db, Timestamp at) {
    TRY(const std::int64_t last, newest_delivery_no(db));
    std::int64_t low = 1;
    std::int64_t high = last + 1;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        TRY(const auto probe, probe_from(db, middle));
        // Numbers have gaps where retention was at work: `probe` is the next one that is there.
        if (!probe || probe->created_at >= at)
            high = middle;
        else
            low = probe->no + 1;
    }
    return low;
}

}  // namespace blotter::store
