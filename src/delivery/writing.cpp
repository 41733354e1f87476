#include "base/json.hpp"
#include "delivery/engine.hpp"

namespace blotter::delivery {

void Engine::add(Record record) {
    records_.push_back(std::move(record));
    to_write_.notify();
}

/// One batch is under way at a time; what comes meanwhile is the next one. So batches grow with
/// the load by themselves, and an outcome waits for one commit at most.
runtime::Task<> Engine::write_records() {
    for (;;) {
        if (records_.empty()) {
            co_await to_write_.wait();
            continue;
        }
        const auto batch = std::make_shared<const std::vector<Record>>(std::exchange(records_, {}));
        for (;;) {
            auto due = co_await store::write(parts_.loop, parts_.writer,
                                             [&scribe = parts_.scribe, batch](store::Tx& tx) {
                                                 return scribe.write(tx, *batch);
                                             });
            if (due) {
                for (const Due& row : *due) take(row);
                break;
            }
            parts_.log.error("delivery.write_failed",
                             {{"error", due.error()}, {"pending", batch->size()}});
            // A 2xx that we saw must not be forgotten because the disk is full for a while.
            const bool may_pass =
                due.error().code == Errc::storage_full || due.error().code == Errc::overloaded;
            if (!may_pass) co_return;
            co_await parts_.loop.sleep_for(std::chrono::seconds{1});
        }
        pump();
    }
}

void Engine::spill(Waiting& waiting, Timestamp at, DeliveryState state, std::string reason) {
    Record record;
    record.what = Record::What::row;
    record.id = parts_.entropy.id<DeliveryId>(now());
    record.event_seq = waiting.fresh.event->seq;
    record.destination_no = waiting.fresh.target->destination.no;
    record.workspace_no = waiting.fresh.event->workspace_no;
    record.settles_first = true;
    record.state = state;
    if (state == DeliveryState::queued) record.next_at = at;
    record.reason = std::move(reason);
    parts_.backlogs.remove(record.destination_no);
    parts_.probe.spilled.add();
    waiting = {};
    free_waiting_.push_back(static_cast<std::uint32_t>(&waiting - waiting_.data()));
    add(std::move(record));
}

}  // namespace blotter::delivery
