#include "delivery/due_queue.hpp"

#include <algorithm>
#include <limits>

#include "base/invariant.hpp"

namespace blotter::delivery {
namespace {

constexpr std::size_t arity = 4;
constexpr std::chrono::seconds refill_lead{30};

bool earlier(const DueEntry& left, const DueEntry& right) {
    return left.key() < right.key();
}

}  // namespace

DueQueue::DueQueue(std::size_t capacity)
    : capacity_(capacity),
      horizon_(DueKey{std::numeric_limits<std::int64_t>::min(),
                      std::numeric_limits<std::int64_t>::min()}) {
    INVARIANT(capacity >= 4);
    heap_.reserve(capacity);
    postponed_.reserve(capacity / 4);
    staged_.reserve(std::min(capacity, staged_max));
}

DueQueue::Kept DueQueue::push(const DueEntry& entry) {
    if (horizon_ && entry.key() >= *horizon_) {
        if (!loading_) return Kept::no;
        if (staged_.size() < staged_.capacity()) {
            staged_.push_back(entry);
        } else {
            load_is_void_ = true;
        }
        return Kept::no;
    }
    if (size() >= capacity_) {
        drop_later_half(entry.key());
        if (entry.key() >= *horizon_) return Kept::no;
    }
    insert(heap_, entry);
    return Kept::yes;
}

void DueQueue::postpone(const DueEntry& entry) {
    if (size() >= capacity_ && !heap_.empty()) drop_later_half(entry.key());
    insert(postponed_, entry);
}

/// The heap with the earliest entry; an empty one only when both are.
const DueQueue::Heap& DueQueue::earlier_heap() const {
    if (postponed_.empty()) return heap_;
    if (heap_.empty()) return postponed_;
    return earlier(postponed_.front(), heap_.front()) ? postponed_ : heap_;
}

std::optional<DueEntry> DueQueue::pop(Timestamp now) {
    const Heap& from = earlier_heap();
    if (from.empty() || from.front().due_ms > to_ms(now)) return {};
    return take_first(&from == &heap_ ? heap_ : postponed_);
}

std::optional<Timestamp> DueQueue::next_due() const {
    const Heap& from = earlier_heap();
    if (from.empty()) return {};
    return from_ms(from.front().due_ms);
}

bool DueQueue::needs_refill(Timestamp now) const {
    if (!horizon_ || loading_) return false;
    // A load replaces nothing: there must be room for something.
    if (size() > capacity_ / 2) return false;
    return size() <= capacity_ / 4 || horizon_->due_ms <= to_ms(now + refill_lead);
}

DueQueue::Slice DueQueue::begin_refill() {
    INVARIANT(horizon_.has_value());
    INVARIANT(!loading_);
    loading_ = true;
    return {.from = *horizon_, .limit = capacity_ - size()};
}

void DueQueue::finish_refill(std::span<const DueEntry> rows, More more) {
    INVARIANT(loading_);
    if (load_is_void_) {
        // Something pushed meanwhile was not remembered, or the horizon moved back behind `from`:
        // what lies between would be missing.
        abandon_refill();
        return;
    }
    INVARIANT(std::ranges::is_sorted(rows, earlier));
    INVARIANT(rows.empty() || rows.front().key() >= *horizon_);
    std::optional<DueKey> horizon;
    if (more == More::yes)
        horizon = rows.empty() ? *horizon_ : DueKey{rows.back().due_ms, rows.back().delivery + 1};
    loading_ = false;
    horizon_ = horizon;
    for (const DueEntry& row : rows) push(row);
    for (const DueEntry& entry : staged_) {
        // A row that the store's answer has already is the same delivery at the same time.
        if (std::ranges::binary_search(rows, entry, earlier)) continue;
        push(entry);
    }
    staged_.clear();
}

void DueQueue::abandon_refill() {
    INVARIANT(loading_);
    loading_ = false;
    load_is_void_ = false;
    staged_.clear();
}

void DueQueue::insert(Heap& heap, const DueEntry& entry) {
    std::size_t at = heap.size();
    heap.push_back(entry);
    while (at > 0) {
        const std::size_t parent = (at - 1) / arity;
        if (!earlier(entry, heap[parent])) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = entry;
}

DueEntry DueQueue::take_first(Heap& heap) {
    const DueEntry first = heap.front();
    heap.front() = heap.back();
    heap.pop_back();
    if (!heap.empty()) sift_down(heap);
    return first;
}

void DueQueue::sift_down(Heap& heap) {
    const DueEntry moving = heap.front();
    std::size_t at = 0;
    while (true) {
        const std::size_t first = at * arity + 1;
        if (first >= heap.size()) break;
        const std::size_t last = std::min(first + arity, heap.size());
        std::size_t least = first;
        for (std::size_t child = first + 1; child < last; ++child)
            if (earlier(heap[child], heap[least])) least = child;
        if (!earlier(heap[least], moving)) break;
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = moving;
}

/// Costs O(capacity), once per half of what is not postponed. With nothing to drop the newcomer is
/// the first that stays in the store.
void DueQueue::drop_later_half(const DueKey& newcomer) {
    load_is_void_ = loading_;
    if (heap_.empty()) {
        horizon_ = newcomer;
        return;
    }
    const auto middle = heap_.begin() + static_cast<std::ptrdiff_t>(heap_.size() / 2);
    std::nth_element(heap_.begin(), middle, heap_.end(), earlier);
    horizon_ = middle->key();
    heap_.erase(middle, heap_.end());
    // A sorted array is a heap of any arity.
    std::sort(heap_.begin(), heap_.end(), earlier);
}

}  // namespace blotter::delivery
