#include "store/tables/delivered_batch.hpp"

#include <algorithm>

#include "base/invariant.hpp"
#include "store/tables/delivered.hpp"
#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query rows_between{"delivery.rows_of_block",
                                  "SELECT no FROM delivery WHERE no >= ?1 AND no <= ?2"};

/// What is longer is a row of its own, whoever comes first to the block.
constexpr std::size_t detail_bytes_max = 2'000;

/// One for which its block has no room.
Result<> write_row(sql::Connection& db, const Delivered& d) {
    NewDelivery row;
    row.no = d.no;
    row.event_seq = d.event_seq;
    row.destination_no = d.destination_no;
    row.workspace_no = d.workspace_no;
    row.created_at = d.created_at;
    AttemptResult result;
    result.started_at = d.started_at;
    result.took = d.attempt->took;
    result.outcome = d.attempt->outcome;
    result.status = d.attempt->status;
    result.detail = d.attempt->detail;
    CHECK(record_first_attempt(db, row, result));
    return {};
}

}  // namespace

bool DeliveredBatch::takes(const NewDelivery& row, const AttemptResult& result) {
    return result.state == DeliveryState::delivered && row.replay_no == 0 && result.n == 1 &&
           !result.next_at && result.reference.empty() && result.reason.empty() &&
           result.detail.size() <= detail_bytes_max;
}

void DeliveredBatch::add(const NewDelivery& row, const AttemptResult& result) {
    INVARIANT(row.no > 0 && takes(row, result));
    Item& item = items_.emplace_back(row.no, entries_.size());
    DeliveredBlock::pack(
        {.no = row.no,
         .event_seq = row.event_seq,
         .destination_no = row.destination_no,
         .workspace_no = row.workspace_no,
         .created_at = row.created_at,
         .started_at = result.started_at,
         .attempt = DeliveredAttempt{result.took, result.outcome, result.status, result.detail}},
        entries_);
    item.end = entries_.size();
}

Result<> DeliveredBatch::write(sql::Connection& db) {
    std::ranges::sort(items_, {}, &Item::no);
    for (auto begin = items_.begin(); begin != items_.end();) {
        const std::int64_t block = begin->no / delivered_in_block;
        const auto end = std::find_if(begin, items_.end(), [&](const Item& item) {
            return item.no / delivered_in_block != block;
        });
        CHECK(write_block(db, {begin, end}));
        begin = end;
    }
    clear();
    return {};
}

void DeliveredBatch::clear() {
    items_.clear();
    entries_.clear();
}

Result<> DeliveredBatch::write_block(sql::Connection& db, std::span<const Item> items) {
    TRY(auto block, DeliveredBlock::load_of(db, items.front().no));
    TRY(std::uint64_t there, block.numbers());
    TRY(const auto rows,
        sql::all(db, rows_between, detail::first_integer, items.front().no, items.back().no));
    for (const std::int64_t no : rows) there |= std::uint64_t{1} << (no - block.begin());
    bool changed = false;
    for (const Item& item : items) {
        const std::uint64_t bit = std::uint64_t{1} << (item.no - block.begin());
        if ((there & bit) != 0) continue;
        there |= bit;
        const ByteView entry = ByteView{entries_}.subspan(item.begin, item.end - item.begin);
        if (!block.has_room_for(entry.size())) {
            TRY(const Delivered delivery, DeliveredBlock::unpack(block.number(), entry));
            CHECK(write_row(db, delivery));
            continue;
        }
        block.append(entry);
        changed = true;
    }
    if (changed) CHECK(block.save(db));
    return {};
}

}  // namespace blotter::store
