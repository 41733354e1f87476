#include "delivery/order_gate.hpp"

#include <bit>
#include <utility>

namespace blotter::delivery {

OrderGate::OrderGate(std::uint32_t keys_max)
    : table_(std::bit_ceil(std::size_t{keys_max} * 2)), keys_max_(keys_max) {
    INVARIANT(keys_max >= 1);
}

std::size_t OrderGate::home_of(std::uint64_t key) const {
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdULL;  // the finaliser of MurmurHash3
    key ^= key >> 33;
    return key & (table_.size() - 1);
}

OrderGate::Entry* OrderGate::find(std::uint64_t key) {
    return const_cast<Entry*>(std::as_const(*this).find(key));
}

const OrderGate::Entry* OrderGate::find(std::uint64_t key) const {
    // Ends: at most half of the table is used.
    for (std::size_t at = home_of(key); table_[at].key != 0; at = (at + 1) & (table_.size() - 1))
        if (table_[at].key == key) return &table_[at];
    return nullptr;
}

void OrderGate::insert(const Entry& entry) {
    std::size_t at = home_of(entry.key);
    while (table_[at].key != 0) at = (at + 1) & (table_.size() - 1);
    table_[at] = entry;
    size_ += 1;
}

/// Closes the gap by moving back what was pushed past it, so that no tombstones pile up.
void OrderGate::erase(Entry& entry) {
    const std::size_t mask = table_.size() - 1;
    auto hole = static_cast<std::size_t>(&entry - table_.data());
    for (std::size_t at = (hole + 1) & mask; table_[at].key != 0; at = (at + 1) & mask) {
        const std::size_t home = home_of(table_[at].key);
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        table_[hole] = table_[at];
        hole = at;
    }
    table_[hole] = {};
    size_ -= 1;
}

OrderGate::Entered OrderGate::enter(const Ref& ref, RefPool& pool) {
    INVARIANT(ref.order_key != 0);
    if (Entry* entry = find(ref.order_key)) {
        if (entry->holder == ref.delivery)
            return entry->under_way ? Entered::under_way : Entered::holds;
        if (pool.free_count() == 0) return Entered::full;
        pool.push(entry->waiting, ref);
        waiting_ += 1;
        return Entered::waits;
    }
    if (size_ == keys_max_) return Entered::full;
    insert({.key = ref.order_key, .holder = ref.delivery});
    return Entered::holds;
}

bool OrderGate::holds(const Ref& ref) const {
    const Entry* entry = find(ref.order_key);
    return entry != nullptr && entry->holder == ref.delivery;
}

void OrderGate::started(const Ref& ref) {
    Entry* entry = find(ref.order_key);
    if (entry != nullptr && entry->holder == ref.delivery) entry->under_way = true;
}

void OrderGate::parked(const Ref& ref) {
    Entry* entry = find(ref.order_key);
    if (entry != nullptr && entry->holder == ref.delivery) entry->under_way = false;
}

std::optional<Ref> OrderGate::leave(const Ref& ref, RefPool& pool) {
    Entry* entry = find(ref.order_key);
    if (entry == nullptr) return {};
    if (entry->holder != ref.delivery) {
        // Rare (a cancelled successor), so the list is walked once around.
        for (std::uint32_t left = entry->waiting.count; left > 0; --left) {
            const Ref waiting = pool.pop(entry->waiting);
            if (waiting.delivery != ref.delivery) {
                pool.push(entry->waiting, waiting);
            } else {
                waiting_ -= 1;
            }
        }
        return {};
    }
    if (entry->waiting.empty()) {
        erase(*entry);
        return {};
    }
    const Ref next = pool.pop(entry->waiting);
    waiting_ -= 1;
    entry->holder = next.delivery;
    entry->under_way = false;
    return next;
}

void OrderGate::clear(RefPool& pool, std::vector<Ref>& out) {
    std::vector<Entry> kept;
    // The order of the table is that of hashes: the same for the same keys, and the caller sorts.
    for (Entry& entry : table_) {
        while (!entry.waiting.empty()) out.push_back(pool.pop(entry.waiting));
        if (entry.under_way) kept.push_back(entry);
        entry = {};
    }
    size_ = 0;
    waiting_ = 0;
    for (const Entry& entry : kept) insert(entry);
}

}  // namespace blotter::delivery
