#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace blotter::delivery {

/// The times at which lanes may go on, at most one per lane: a binary heap that knows where each
/// lane stands in it, so that a new time replaces the old one in O(log n). Ties go to the lower
/// index, so that the order never depends on history. Owned by one dispatcher.
class WakeHeap {
  public:
    struct Entry {
        MonoTime at;
        std::int32_t lane = -1;
    };

    void set(std::int32_t lane, MonoTime at) {
        if (static_cast<std::size_t>(lane) >= places_.size()) places_.resize(lane + 1ULL, none);
        if (places_[lane] == none) {
            places_[lane] = heap_.size();
            heap_.push_back({at, lane});
        } else {
            heap_[places_[lane]].at = at;
        }
        settle(places_[lane]);
    }

    void erase(std::int32_t lane) {
        if (static_cast<std::size_t>(lane) >= places_.size() || places_[lane] == none) return;
        const std::size_t hole = places_[lane];
        places_[lane] = none;
        const Entry last = heap_.back();
        heap_.pop_back();
        if (hole == heap_.size()) return;
        heap_[hole] = last;
        places_[last.lane] = hole;
        settle(hole);
    }

    std::optional<Entry> earliest() const {
        if (heap_.empty()) return {};
        return heap_.front();
    }

  private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    static bool before(const Entry& left, const Entry& right) {
        return left.at != right.at ? left.at < right.at : left.lane < right.lane;
    }
    void put(std::size_t at, const Entry& entry) {
        heap_[at] = entry;
        places_[entry.lane] = at;
    }
    void settle(std::size_t at) {
        const Entry moving = heap_[at];
        while (at > 0 && before(moving, heap_[(at - 1) / 2])) {
            put(at, heap_[(at - 1) / 2]);
            at = (at - 1) / 2;
        }
        while (true) {
            std::size_t child = at * 2 + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) child += 1;
            if (!before(heap_[child], moving)) break;
            put(at, heap_[child]);
            at = child;
        }
        put(at, moving);
    }

    std::vector<Entry> heap_;
    std::vector<std::size_t> places_;  ///< by lane; where it stands in the heap
};

}  // namespace blotter::delivery
