#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "runtime/loop.hpp"
#include "runtime/signal.hpp"

namespace blotter::store {

class Watch;

/// Tells watches on one loop that something was committed, so that who looks after what is stored
/// need not ask again and again. A commit costs one addition while nobody rests. Outlives its
/// watches; the loop outlives it.
class Commits {
  public:
    explicit Commits(runtime::Loop& loop) : loop_(loop) {}
    Commits(const Commits&) = delete;
    Commits& operator=(const Commits&) = delete;

    /// After each durable group; the writer's thread.
    void ring();

  private:
    friend class Watch;
    void wake_all();

    runtime::Loop& loop_;
    // One thread counts, then looks who rests; the other says that it rests, then looks at the
    // count. Sequential consistency makes at least one of the two see the other.
    std::atomic<std::uint64_t> count_{0};
    std::atomic<bool> is_anybody_resting_{false};
    std::vector<Watch*> watches_;  ///< of the loop's thread
};

/// How often a watch looks: never sooner than `least` after the last time, whatever is committed,
/// and at the latest after `most`, in case the clock was set.
struct Rounds {
    Duration least{1'000};
    Duration most{60'000};
};

/// Rests of a task that looks into the store for something to do. Loop thread only.
class Watch {
  public:
    Watch(Commits& commits, Rounds rounds);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// Before looking: what is committed from here on ends the rest that follows.
    void begin_look();
    /// Ends after a commit, when something is due, or after `wake`; within the rounds.
    runtime::Task<> rest(std::optional<Timestamp> due);
    /// Ends the rest, or the next one, as a commit does.
    void wake();
    /// Ends every rest from now on.
    void stop();
    bool is_stopped() const { return is_stopped_; }

  private:
    friend class Commits;

    Commits& commits_;
    const Rounds rounds_;
    runtime::Signal signal_;
    std::uint64_t seen_ = 0;
    MonoTime begun_;
    bool is_resting_ = false;
    bool is_woken_ = false;
    bool is_stopped_ = false;
};

}  // namespace blotter::store
