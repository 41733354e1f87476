#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "delivery/first_attempts.hpp"
#include "delivery/record.hpp"
#include "intake/intake.hpp"

namespace blotter::delivery {

class Engine;

/// How many first attempts wait in memory for each destination, shared between the writer, which
/// asks, and the loops, which know. Destinations may share a counter: then a row is written that
/// would not have been needed, nothing worse. Lock-free.
class Backlogs {
  public:
    void add(std::int64_t destination_no) { at(destination_no).fetch_add(1, relaxed); }
    void remove(std::int64_t destination_no) { at(destination_no).fetch_sub(1, relaxed); }
    std::uint32_t waiting(std::int64_t no) const { return counts_[slot(no)].load(relaxed); }
    /// While its circuit is open, nothing for a destination waits in memory.
    /// Nothing is tried before `until`.
    void set_shut(std::int64_t no, Timestamp until) {
        until_[slot(no)].store(to_ms(until), relaxed);
        shut_[slot(no)].store(no, relaxed);
    }
    void set_open(std::int64_t no) { shut_[slot(no)].store(0, relaxed); }
    bool is_shut(std::int64_t no) const { return shut_[slot(no)].load(relaxed) == no; }
    std::optional<Timestamp> shut_until(std::int64_t no) const {
        if (!is_shut(no)) return std::nullopt;
        return from_ms(until_[slot(no)].load(relaxed));
    }

  private:
    static constexpr auto relaxed = std::memory_order_relaxed;
    static constexpr std::size_t slots = 65'536;
    static std::size_t slot(std::int64_t no) { return static_cast<std::size_t>(no) % slots; }
    std::atomic<std::uint32_t>& at(std::int64_t no) { return counts_[slot(no)]; }
    std::array<std::atomic<std::uint32_t>, slots> counts_{};
    std::array<std::atomic<std::int64_t>, slots> shut_{};
    std::array<std::atomic<std::int64_t>, slots> until_{};
};

/// Between the writer and the loops: what was accepted goes to the loop that owns the destination
/// (its number modulo the loops), a new directory to all of them. `accepted` and `due` on the
/// writer's thread; `is_backlogged` and `publish` anywhere.
class Hub final : public intake::FreshSink {
  public:
    Hub(FirstAttempts& owed, Backlogs& backlogs, std::uint32_t waiting_max)
        : owed_(owed), backlogs_(backlogs), waiting_max_(waiting_max) {}

    /// Once, before anything is accepted.
    void set_engines(std::vector<Engine*> engines) { engines_ = std::move(engines); }

    bool is_backlogged(std::int64_t destination_no) const override;
    void accepted(std::int64_t seq, std::vector<intake::Fresh> fresh) override;
    void due(std::int64_t destination_no, std::int64_t delivery_no, Timestamp at,
             std::uint64_t order_key) override;
    void publish(routing::DirectoryPtr directory);
    /// From any thread: to every loop.
    void erased(const std::vector<std::int64_t>& event_seqs);
    /// The end of the wait while the destination's circuit is open. From any thread.
    std::optional<Timestamp> shut_until(std::int64_t destination_no) const {
        return backlogs_.shut_until(destination_no);
    }

    Engine& engine_of(std::int64_t destination_no);

  private:
    FirstAttempts& owed_;
    Backlogs& backlogs_;
    std::uint32_t waiting_max_;
    std::vector<Engine*> engines_;
};

}  // namespace blotter::delivery
