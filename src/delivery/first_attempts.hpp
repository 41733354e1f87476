#pragma once

#include <cstdint>
#include <deque>

#include "base/invariant.hpp"

namespace blotter::delivery {

/// Which accepted events still owe first attempts, and so the watermark: every event up to it has
/// a row for each destination of its plan. Events come in order of seq; those without a plan are
/// not told. Pure; writer's thread only.
class FirstAttempts {
  public:
    explicit FirstAttempts(std::int64_t watermark) : base_(watermark) {}

    /// `count` first attempts of this event have no row yet.
    void accepted(std::int64_t seq, std::uint32_t count) {
        INVARIANT(seq > last());
        owed_.resize(static_cast<std::size_t>(seq - base_), 0);
        owed_.back() = count;
        settle();
    }
    /// One of them has its row now.
    void settled(std::int64_t seq) {
        INVARIANT(seq > base_ && seq <= last());
        std::uint32_t& owed = owed_[static_cast<std::size_t>(seq - base_ - 1)];
        INVARIANT(owed > 0);
        --owed;
        settle();
    }
    std::int64_t watermark() const { return base_; }
    /// How many events are above the watermark: what a restart has to look at.
    std::size_t span() const { return owed_.size(); }

  private:
    std::int64_t last() const { return base_ + static_cast<std::int64_t>(owed_.size()); }
    void settle() {
        while (!owed_.empty() && owed_.front() == 0) {
            owed_.pop_front();
            ++base_;
        }
    }

    std::int64_t base_;
    std::deque<std::uint32_t> owed_;
};

}  // namespace blotter::delivery
