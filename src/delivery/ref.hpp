#pragma once

#include <cstdint>
#include <vector>

#include "base/invariant.hpp"

namespace blotter::delivery {

/// A destination in a dispatcher. The index is reused after a removal, with another generation, so
/// that what still speaks of the old one is recognised.
struct Slot {
    std::int32_t index = -1;
    std::uint32_t generation = 0;
    bool operator==(const Slot&) const = default;
};

/// A delivery that waits for its turn. Small on purpose: payloads stay in the store.
struct Ref {
    std::int64_t delivery = 0;    ///< row number: grows in the order in which events were committed
    std::uint64_t order_key = 0;  ///< deliveries of one envelope share it; 0 = no order wanted
    Slot destination;
    bool operator==(const Ref&) const = default;
};
static_assert(sizeof(Ref) <= 32);

/// A first-in-first-out list inside a RefPool. Owns nothing by itself.
struct RefList {
    std::uint32_t head = 0;  ///< 0 = empty
    std::uint32_t tail = 0;
    std::uint32_t count = 0;
    bool empty() const { return count == 0; }
};

/// The memory of all waiting refs of one dispatcher: nodes of 32 bytes in one array, reused through
/// a free list, so that a delivery costs no allocation. Never more than `capacity` refs.
class RefPool {
  public:
    explicit RefPool(std::uint32_t capacity) : capacity_(capacity) {
        nodes_.reserve(capacity + 1ULL);
        nodes_.emplace_back();  // number 0 means "none"
    }

    std::uint32_t free_count() const { return capacity_ - used_; }

    void push(RefList& list, const Ref& ref) {
        INVARIANT(used_ < capacity_);
        std::uint32_t node = free_;
        if (node != 0) {
            free_ = nodes_[node].next;
        } else {
            node = static_cast<std::uint32_t>(nodes_.size());
            nodes_.emplace_back();
        }
        nodes_[node] = {ref, 0};
        (list.empty() ? list.head : nodes_[list.tail].next) = node;
        list.tail = node;
        list.count += 1;
        used_ += 1;
    }
    Ref pop(RefList& list) {
        INVARIANT(!list.empty());
        const std::uint32_t node = list.head;
        const Ref ref = nodes_[node].ref;
        list.head = nodes_[node].next;
        list.count -= 1;
        if (list.count == 0) list = {};
        nodes_[node].next = free_;
        free_ = node;
        used_ -= 1;
        return ref;
    }

  private:
    struct Node {
        Ref ref;
        std::uint32_t next = 0;
    };
    std::vector<Node> nodes_;
    std::uint32_t capacity_;
    std::uint32_t used_ = 0;
    std::uint32_t free_ = 0;
};

}  // namespace blotter::delivery
