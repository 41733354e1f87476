#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "delivery/ref.hpp"

namespace blotter::delivery {

/// Keeps the deliveries of one envelope in order at one destination: for each order key one
/// delivery holds the key until it is final (also while it waits for a retry), and its successors
/// wait behind it. Other keys are not touched.
///
/// Invariants: a key is here exactly while one of its deliveries is known and not final; at most
/// `keys_max` keys; waiting refs live in the dispatcher's pool. An open-addressing table of fixed
/// size: no allocation per delivery. Owned by one lane.
class OrderGate {
  public:
    enum class Entered : std::uint8_t { holds, under_way, waits, full };

    explicit OrderGate(std::uint32_t keys_max);

    /// A delivery with an order key arrives: it takes the key, or waits behind who has it. The
    /// holder itself may come again (its retry is due; `under_way` when it is being sent). `full`:
    /// no room for another key, or the pool has none for another waiting ref; nothing changed.
    Entered enter(const Ref& ref, RefPool& pool);
    bool holds(const Ref& ref) const;
    /// The holder is under way; `clear` then keeps its key.
    void started(const Ref& ref);
    /// The attempt ended, and the delivery is not final: it keeps the key.
    void parked(const Ref& ref);
    /// The delivery is final. When it held the key, the successor that holds it now comes back and
    /// may run; a waiting one is just taken out.
    std::optional<Ref> leave(const Ref& ref, RefPool& pool);
    /// Forgets every key whose holder is not under way, and every waiting ref; appends the waiting
    /// ones to `out`.
    void clear(RefPool& pool, std::vector<Ref>& out);

    std::uint32_t size() const { return size_; }
    std::uint32_t waiting() const { return waiting_; }
    std::uint32_t keys_max() const { return keys_max_; }

  private:
    struct Entry {
        std::uint64_t key = 0;  ///< 0 = free place
        std::int64_t holder = 0;
        RefList waiting;
        bool under_way = false;
    };

    std::size_t home_of(std::uint64_t key) const;
    Entry* find(std::uint64_t key);
    const Entry* find(std::uint64_t key) const;
    void insert(const Entry& entry);
    void erase(Entry& entry);

    std::vector<Entry> table_;  ///< a power of two, at least twice keys_max
    std::uint32_t keys_max_;
    std::uint32_t size_ = 0;
    std::uint32_t waiting_ = 0;
};

}  // namespace blotter::delivery
