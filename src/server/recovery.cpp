#include "server/recovery.hpp"

#include "store/tables/deliveries.hpp"
#include "store/tables/delivery_numbers.hpp"
#include "store/tables/events.hpp"

namespace blotter::server {
namespace {

constexpr std::size_t slice_events = 500;

Result<> write_row(store::Tx& tx, store::DeliveryNumbers& numbers, const store::EventRow& event,
                   const store::OwedDelivery& owed, const routing::TargetPtr& target,
                   Timestamp now) {
    store::NewDelivery row;
    row.no = owed.no;
    if (row.no == 0) {
        row.replay_no = store::planned_without_number;
        TRY(row.no, numbers.take(tx, owed.destination_no));
    }
    row.event_seq = event.seq;
    row.destination_no = owed.destination_no;
    row.workspace_no = event.workspace_no;
    row.created_at = event.accepted_at;
    row.state = store::DeliveryState::cancelled;
    row.reason = "destination_removed";
    if (target && target->destination.state == DestinationState::enabled) {
        row.state = store::DeliveryState::queued;
        row.reason = "";
        row.next_at = now;
    } else if (target) {
        row.state = store::DeliveryState::held;
        row.reason = target->destination.state == DestinationState::paused ? "destination_paused"
                                                                           : "destination_disabled";
    }
    CHECK(store::insert_delivery(tx.db(), row));
    return {};
}

}  // namespace

Result<std::int64_t> recover_first_attempts(sql::Connection& db,
                                            const routing::Directory& directory,
                                            const runtime::Clock& clock, std::int64_t watermark) {
    const Timestamp now = clock.wall();
    for (;;) {
        TRY(const auto slice, store::list_owed(db, watermark, slice_events));
        CHECK(db.begin());
        store::Tx tx{db};
        store::DeliveryNumbers numbers;
        const auto work = [&]() -> Result<> {
            for (const store::OwedEvent& owed : slice.events)
                for (const store::OwedDelivery& one : owed.deliveries)
                    CHECK(write_row(tx, numbers, owed.event, one,
                                    directory.target(one.destination_no), now));
            CHECK(store::advance_watermark(db, slice.scanned_to));
            return {};
        };
        if (auto done = work(); !done) {
            db.rollback();
            return pass(std::move(done).error());
        }
        CHECK(db.commit());
        watermark = std::max(watermark, slice.scanned_to);
        if (!slice.more) break;
    }
    TRY(const std::int64_t last, store::last_event_seq(db));
    return std::max(last, watermark);
}

}  // namespace blotter::server
