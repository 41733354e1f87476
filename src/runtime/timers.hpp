#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace blotter::runtime {

/// The timers of one loop: a heap of moments with callbacks. Pure: the loop asks for `next()` and
/// calls `fire(now)`. Owned and called by the loop's thread only.
class Timers {
  public:
    struct Handle {
        std::uint32_t slot = 0;
        std::uint32_t generation = 0;  ///< 0: no timer
    };
    using Callback = std::move_only_function<void()>;

    Handle at(MonoTime when, Callback callback);
    /// Forgets the timer without calling it. Harmless when it has fired already.
    void cancel(Handle handle);
    /// The earliest moment something is to be done, if any. May be that of a cancelled timer.
    std::optional<MonoTime> next() const;
    /// Calls everything due at or before `now`, in order of time, then of creation.
    void fire(MonoTime now);
    std::size_t size() const { return live_; }

    /// Called whenever `next()` becomes earlier, so that the shell can wake up sooner.
    std::move_only_function<void()> on_earlier;

  private:
    struct Entry {
        MonoTime when;
        std::uint64_t order;
        Handle handle;
    };
    struct Slot {
        Callback callback;
        std::uint32_t generation = 1;
        bool armed = false;
    };

    static bool later(const Entry& a, const Entry& b);

    std::vector<Entry> heap_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::uint64_t order_ = 0;
    std::size_t live_ = 0;
};

}  // namespace blotter::runtime
