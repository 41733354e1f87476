// Reads from the store what the engine keeps in memory: the next due rows, and the rows of ordered
// destinations.
#include <limits>

#include "delivery/engine.hpp"
#include "store/tables/open_work.hpp"
#include "store/tables/queue.hpp"

namespace blotter::delivery {

runtime::Task<> Engine::refill_due() {
    refilling_ = true;
    const DueQueue::Slice slice = due_.begin_refill();
    std::vector<DueEntry> entries;
    // The slice begins at its key, the store reads after one; a first slice begins before all keys.
    const bool first = slice.from.delivery == std::numeric_limits<std::int64_t>::min();
    store::TimePosition after{from_ms(slice.from.due_ms), slice.from.delivery - (first ? 0 : 1)};
    auto more = DueQueue::More::no;
    bool failed = false;
    // The store's order is over all destinations; this loop keeps its own.
    for (;;) {
        constexpr std::size_t rows_max = store::due_slice_rows_max;
        auto rows = co_await store::read(parts_.loop, parts_.reader, [after](sql::Connection& db) {
            return store::list_due(db, Timestamp::max(), after, rows_max);
        });
        if (!rows) {
            parts_.log.warning("delivery.refill_failed", {{"error", rows.error()}});
            failed = true;
            break;
        }
        for (const store::DueRow& row : *rows) {
            after = {row.due_at, row.delivery_no};
            if (row.destination_no % options_.loops != options_.index) continue;
            const Lane* lane = lane_of(row.destination_no);
            if (lane == nullptr) continue;
            entries.push_back({to_ms(row.due_at), row.delivery_no,
                               static_cast<std::int32_t>(row.destination_no),
                               lane->slot.generation});
        }
        if (rows->size() < rows_max) break;
        if (entries.size() + rows_max > slice.limit) {
            more = DueQueue::More::yes;
            break;
        }
    }
    if (failed)
        due_.abandon_refill();
    else
        due_.finish_refill(entries, more);
    refilling_ = false;
    if (failed) co_await parts_.loop.sleep_for(patience);
    pump();
}

runtime::Task<> Engine::refill_ordered(Refill question) {
    const Lane* lane = lane_at(question.destination);
    if (lane == nullptr) co_return;
    const std::int64_t destination_no = lane->target->destination.no;
    auto rows = co_await store::read(
        parts_.loop, parts_.reader,
        [destination_no, after = question.after, limit = question.limit](sql::Connection& db) {
            return store::list_open_deliveries(db, destination_no, after, limit);
        });
    if (!rows) {
        parts_.log.warning("delivery.refill_failed", {{"error", rows.error()}});
        co_await parts_.loop.sleep_for(patience);
        dispatcher_.refill_done(question, question.after, Told::part);
        co_return;
    }
    std::int64_t through = rows->through;
    Told told = rows->rows.size() == question.limit ? Told::part : Told::all;
    for (const store::OpenDelivery& row : rows->rows) {
        const Unwritten coming = unwritten(row.no);
        if (coming == Unwritten::final) continue;
        const bool ready = coming == Unwritten::none && row.next_at && *row.next_at <= now();
        const std::uint64_t order = row.order_key;
        order_keys_[row.no] = order;
        if (ready && active_.contains(row.no)) continue;
        if (dispatcher_.refill(question, Ref{row.no, order, question.destination},
                               ready ? Ready::yes : Ready::no, mono()) != Enqueued::queued) {
            through = row.no - 1;
            told = Told::part;
            break;
        }
        if (ready) active_.insert(row.no);
    }
    dispatcher_.refill_done(question, through, told);
    pump();
}

}  // namespace blotter::delivery
