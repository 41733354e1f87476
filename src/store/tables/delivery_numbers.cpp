#include "store/tables/delivery_numbers.hpp"

#include <algorithm>

#include "store/tables/delivery_times.hpp"
#include "store/tables/detail.hpp"
#include "store/tables/event_plan.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

/// So many are reserved at once: one more row to write for so many deliveries.
constexpr std::int64_t reserved_at_once = 4'096;

constexpr sql::Query block_note{
    "delivery_block.note",
    "INSERT INTO delivery_block (block, destination_no) VALUES (?1, ?2) ON CONFLICT DO NOTHING"};
// The first of them that has a plan has the lowest numbers of all.
constexpr sql::Query oldest_plans{"event.oldest_plans",
                                  "SELECT plan FROM event ORDER BY seq LIMIT 1000"};
constexpr sql::Query block_delete{
    "delivery_block.delete",
    "DELETE FROM delivery_block WHERE (block, destination_no) IN "
    "(SELECT block, destination_no FROM delivery_block WHERE block < ?1 ORDER BY block LIMIT ?2)"};

}  // namespace

Result<std::int64_t> DeliveryNumbers::take(Tx& tx, std::span<const std::int64_t> destination_nos) {
    const std::int64_t count = std::ssize(destination_nos);
    if (next_ + count > reserved_) CHECK(reserve(tx, count));
    const std::int64_t first = next_;
    next_ += count;
    for (std::int64_t i = 0; i < count; ++i)
        CHECK(note(tx, (first + i) / delivery_block_numbers,
                   destination_nos[static_cast<std::size_t>(i)]));
    return first;
}

Result<> DeliveryNumbers::reserve(Tx& tx, std::int64_t count) {
    if (reserved_ == 0) {
        TRY(const std::int64_t stored, read_meta_number(tx.db(), meta::delivery_numbers_reserved));
        // What was made before numbers were reserved.
        TRY(const std::int64_t newest, newest_delivery_no(tx.db()));
        next_ = std::max(stored, newest + 1);
    }
    const std::int64_t end = next_ + std::max(count, reserved_at_once);
    CHECK(raise_meta_number(tx.db(), meta::delivery_numbers_reserved, end));
    forget_if_undone(tx);
    reserved_ = end;
    return {};
}

Result<> DeliveryNumbers::note(Tx& tx, std::int64_t block, std::int64_t destination_no) {
    if (block != block_) {
        block_ = block;
        noted_.clear();
    }
    if (!noted_.insert(destination_no).second) return {};
    forget_if_undone(tx);
    return sql::run(tx.db(), block_note, block, destination_no);
}

void DeliveryNumbers::forget_if_undone(Tx& tx) {
    tx.after_rollback([this] {
        next_ = reserved_ = 0;
        block_ = -1;
        noted_.clear();
    });
}

Result<std::int64_t> delete_emptied_blocks(sql::Connection& db, std::size_t limit) {
    TRY(sql::Statement* const prepared, db.prepare(oldest_plans));
    sql::Use use{prepared};
    do {
        TRY(const bool found, use->step());
        if (!found) return 0;
    } while (use->is_null(0));
    TRY(const EventPlan plan, unpack_plan(use->blob(0)));
    if (!plan.is_numbered()) return 0;
    return detail::purge(db, block_delete, plan.first_delivery / delivery_block_numbers, limit);
}

}  // namespace blotter::store
