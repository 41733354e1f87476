#include "runtime/timers.hpp"

#include <algorithm>
#include <utility>

namespace blotter::runtime {

bool Timers::later(const Entry& a, const Entry& b) {
    return std::pair{a.when, a.order} > std::pair{b.when, b.order};
}

Timers::Handle Timers::at(MonoTime when, Callback callback) {
    std::uint32_t index = 0;
    if (free_.empty()) {
        index = static_cast<std::uint32_t>(slots_.size());
        slots_.emplace_back();
    } else {
        index = free_.back();
        free_.pop_back();
    }
    Slot& slot = slots_[index];
    slot.callback = std::move(callback);
    slot.armed = true;
    ++live_;
    const bool earlier = heap_.empty() || when < heap_.front().when;
    const Handle handle{index, slot.generation};
    heap_.push_back(Entry{when, order_++, handle});
    std::push_heap(heap_.begin(), heap_.end(), later);
    if (earlier && on_earlier) on_earlier();
    return handle;
}

void Timers::cancel(Handle handle) {
    if (handle.generation == 0 || handle.slot >= slots_.size()) return;
    Slot& slot = slots_[handle.slot];
    if (slot.generation != handle.generation || !slot.armed) return;
    // The heap entry stays until its time; the callback and what it holds go now.
    slot.armed = false;
    slot.callback = nullptr;
    ++slot.generation;
    free_.push_back(handle.slot);
    --live_;
}

std::optional<MonoTime> Timers::next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().when;
}

void Timers::fire(MonoTime now) {
    while (!heap_.empty() && heap_.front().when <= now) {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const Handle handle = heap_.back().handle;
        heap_.pop_back();
        Slot& slot = slots_[handle.slot];
        if (slot.generation != handle.generation || !slot.armed) continue;
        Callback callback = std::move(slot.callback);
        slot.armed = false;
        slot.callback = nullptr;
        ++slot.generation;
        free_.push_back(handle.slot);
        --live_;
        callback();
    }
}

}  // namespace blotter::runtime
