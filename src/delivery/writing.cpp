#include <algorithm>

#include "base/json.hpp"
#include "delivery/engine.hpp"

namespace blotter::delivery {

namespace {

constexpr std::size_t reserved_max = 1'000;

enum class Refusal : std::uint8_t {
    passes,   ///< a full disk, a full queue: the same batch is written once there is room
    stopped,  ///< Blotter ends; what is not written is made again after the restart
    its_own   ///< something in the batch, which must not keep the rest from being written
};

/// A store that broke ends the process; until then its refusals count as passing.
Refusal judge_refusal(Errc code) {
    switch (code) {
        case Errc::storage_full:
        case Errc::storage_failed:
        case Errc::overloaded:
        case Errc::unavailable:
        case Errc::timeout:
            return Refusal::passes;
        case Errc::cancelled:
            return Refusal::stopped;
        default:
            return Refusal::its_own;
    }
}

}  // namespace

void Engine::add(Record record) {
    unwritten_count_ += 1;
    if (record.has_row()) {
        OnTheWay& row = unwritten_rows_[record.delivery_no];
        row.records += 1;
        row.final = is_final(record.state);
    }
    records_.push_back(std::move(record));
    to_write_.notify();
}

/// What is on the way to the row of a delivery. Until it is there, the store says what was before:
/// a 2xx that we saw must not be followed by another attempt because a load came in between.
Engine::Unwritten Engine::unwritten(std::int64_t delivery_no) const {
    const auto found = unwritten_rows_.find(delivery_no);
    if (found == unwritten_rows_.end()) return Unwritten::none;
    return found->second.final ? Unwritten::final : Unwritten::open;
}

/// One batch is under way at a time; what comes meanwhile is the next one. So batches grow with
/// the load by themselves, and an outcome waits for one commit at most. Ends only with Blotter: a
/// 2xx that we saw must not be forgotten because the disk is full for a while, nor because
/// something else cannot be written.
runtime::Task<> Engine::write_records() {
    std::vector<Batch> batches;
    for (;;) {
        if (records_.empty()) {
            co_await to_write_.wait();
            continue;
        }
        batches.push_back(std::make_shared<const std::vector<Record>>(std::exchange(records_, {})));
        // The next batch is likely to be as large.
        records_.reserve(std::min(batches.back()->size(), reserved_max));
        while (!batches.empty()) {
            const Batch batch = batches.back();
            auto due = co_await store::write(
                parts_.loop, parts_.writer,
                [&scribe = parts_.scribe, batch](store::Tx& tx) {
                    return scribe.write(tx, *batch);
                },
                store::How{store::Undo::savepoint, store::Urgency::soon});
            if (due) {
                batches.pop_back();
                wrote(batch, *due);
                continue;
            }
            parts_.log.error("delivery.write_failed",
                             {{"error", due.error()}, {"pending", unwritten_count_}});
            const Refusal refusal = judge_refusal(due.error().code);
            if (refusal == Refusal::stopped) co_return;
            if (refusal == Refusal::passes) {
                co_await parts_.loop.sleep_for(patience);
            } else {
                batches.pop_back();
                part(batch, batches);
            }
        }
        pump();
    }
}

void Engine::wrote(const Batch& batch, const std::vector<Due>& due) {
    unwritten_count_ -= batch->size();
    for (const Record& record : *batch) {
        if (!record.has_row()) continue;
        const auto row = unwritten_rows_.find(record.delivery_no);
        if (row != unwritten_rows_.end() && --row->second.records == 0) unwritten_rows_.erase(row);
    }
    parts_.probe.unwritable.set(static_cast<std::int64_t>(unwritable_.size()));
    for (const Due& row : due) take(row);
}

/// Halves what was refused, until what cannot be written stands alone. That waits, and shows.
void Engine::part(const Batch& batch, std::vector<Batch>& into) {
    if (batch->size() == 1) {
        if (unwritable_.empty()) tasks_.spawn(write_again());
        unwritable_.push_back(batch->front());
        parts_.probe.unwritable.set(static_cast<std::int64_t>(unwritable_.size()));
        return;
    }
    const auto middle = batch->begin() + static_cast<std::ptrdiff_t>(batch->size() / 2);
    // The last one in is written first.
    into.push_back(std::make_shared<const std::vector<Record>>(middle, batch->end()));
    into.push_back(std::make_shared<const std::vector<Record>>(batch->begin(), middle));
}

runtime::Task<> Engine::write_again() {
    co_await parts_.loop.sleep_for(options_.unwritable_again);
    for (Record& record : std::exchange(unwritable_, {})) records_.push_back(std::move(record));
    to_write_.notify();
}

void Engine::spill(Waiting& waiting, Timestamp at, DeliveryState state, std::string reason) {
    Record record;
    record.what = Record::What::row;
    record.delivery_no = waiting.fresh.delivery_no;
    record.event_seq = waiting.fresh.event->seq;
    record.accepted_at = waiting.fresh.event->accepted_at;
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
