#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"

namespace blotter::delivery {

/// A place in the order of due deliveries: by time, then by delivery row.
struct DueKey {
    std::int64_t due_ms = 0;
    std::int64_t delivery = 0;
    auto operator<=>(const DueKey&) const = default;
};

/// One delivery that is due later. Compact, because a million of them may wait.
struct DueEntry {
    std::int64_t due_ms = 0;
    std::int64_t delivery = 0;
    std::int32_t destination = 0;
    std::uint32_t generation = 0;  ///< of the destination; a stale one is dropped when popped

    DueKey key() const { return {due_ms, delivery}; }
    bool operator==(const DueEntry&) const = default;
};
static_assert(sizeof(DueEntry) == 24);

/// The in-memory index of due retries: the earliest part of what the store holds.
///
/// Invariants: every entry is before the horizon, and every due delivery of the store that is
/// before the horizon is here exactly once (unless it was cancelled: that is found out when it is
/// popped). At the start nothing was loaded: the horizon is before everything. Never more than
/// `capacity` entries of 24 bytes, postponed ones included (of which there may be more when many
/// were popped and all come back); when full, the later half of those that are not postponed is
/// dropped and the horizon moves to it. A 4-ary heap: half the depth of a
/// binary one, and four children share 96 bytes. Owned and called by one loop. Wall time only: what
/// is due is what the store says.
class DueQueue {
  public:
    enum class Kept : bool { no, yes };
    /// A part of the store's due rows to load: those at or after `from`, in order, at most `limit`.
    struct Slice {
        DueKey from;
        std::size_t limit = 0;
    };
    enum class More : bool { no, yes };

    explicit DueQueue(std::size_t capacity);

    /// A delivery has become due later, and the store has the row. Past the horizon it is not kept.
    Kept push(const DueEntry& entry);
    /// A due delivery that was popped and could not be taken on is put off until its new time, in
    /// memory only: the store still has it at the old one, so a load would not find it again and
    /// the horizon does not apply. Whatever was popped can be put off, or it would be missing until
    /// a restart: when it is full, others make room, and with none it is kept all the same.
    void postpone(const DueEntry& entry);
    /// The earliest entry, when it is due.
    std::optional<DueEntry> pop(Timestamp now);
    std::optional<Timestamp> next_due() const;

    /// Whether to load the next slice: something beyond the horizon exists, and either the queue
    /// runs low or the horizon itself comes close. Never while a slice is being loaded.
    bool needs_refill(Timestamp now) const;
    /// Starts a load. What is pushed until `finish_refill` is merged in then, whether or not the
    /// store's answer already has it.
    Slice begin_refill();
    /// Ends a load with rows in ascending order of their keys, all at or after `from`. `more`: the
    /// store may have rows after the last of them.
    void finish_refill(std::span<const DueEntry> rows, More more);
    /// The load failed: the same slice is asked for again.
    void abandon_refill();

    std::size_t size() const { return heap_.size() + postponed_.size(); }
    bool holds_everything() const { return !horizon_.has_value(); }

  private:
    static constexpr std::size_t staged_max = 4'096;

    using Heap = std::vector<DueEntry>;

    static void insert(Heap& heap, const DueEntry& entry);
    static DueEntry take_first(Heap& heap);
    static void sift_down(Heap& heap);
    const Heap& earlier_heap() const;
    void drop_later_half(const DueKey& newcomer);

    Heap heap_;
    Heap postponed_;
    std::vector<DueEntry> staged_;  ///< pushed past the horizon during a load
    std::size_t capacity_;
    std::optional<DueKey> horizon_;  ///< none: everything is here
    bool loading_ = false;
    bool load_is_void_ = false;  ///< the load under way would leave a gap
};

}  // namespace blotter::delivery
