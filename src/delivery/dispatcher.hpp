#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "delivery/breaker.hpp"
#include "delivery/dispatcher_types.hpp"
#include "delivery/fair_ring.hpp"
#include "delivery/order_gate.hpp"
#include "delivery/ref.hpp"
#include "delivery/ring.hpp"
#include "delivery/throttle.hpp"
#include "delivery/wake_heap.hpp"

namespace blotter::delivery {

/// Decides which delivery starts next on one loop.
///
/// Who is next: two levels of deficit round robin, workspaces and then their destinations, by
/// weight, one start costing one; who had nothing waiting until now has its turn before those with
/// a backlog (fair_ring.hpp). First attempts and due retries have such a structure each; while
/// both wait, at most 30 % of the starts are retries (plus a burst of 3), in the whole and within
/// each destination.
///
/// What is never exceeded: a destination's concurrency (narrowed by its circuit, and to 2 until it
/// once answered fast), its throttle, its workspace's attempts under way, and the slots.
///
/// Slots: an attempt takes a shared slot. After `slow_after` under way it moves to a slow slot as
/// soon as one is free, and its destination is slow until its mean time falls below half of that;
/// slow destinations start in slow slots only. So a hanging receiver holds a shared slot for about
/// `slow_after`, and many of them fill the slow slots, not the shared ones.
///
/// Pace: starts towards destinations that are slow, or whose last attempt spoke against them, come
/// one by one, `doubtful_pace` apart. When a thousand failing ones are due at once, the loop and
/// the processors stay free for the others in between. Their start comes before any other that may
/// be made at that moment, so that these cannot starve it.
///
/// Cost: O(1) per call, O(log destinations) when a throttle or circuit is waited for. No allocation
/// per delivery: waiting refs and slots live in arrays of fixed size. No iteration in hash order,
/// no clock, no randomness: the same calls give the same starts.
/// Owned and called by one loop, with times that never go back.
class Dispatcher {
  public:
    Dispatcher(DispatcherLimits limits, MonoTime now);

    /// Sets a workspace's share. Without it, the first destination creates it with the defaults.
    void set_workspace(std::uint64_t key, WorkspaceConfig config);

    Slot add_destination(const DestinationConfig& config, MonoTime now);
    /// New limits for a destination. Workspace and order stay as they were.
    void update(Slot destination, const DestinationConfig& config, MonoTime now);
    /// Paused or disabled: nothing starts any more; attempts under way go on. Gives back what
    /// waited here, by row number, so that the caller holds it.
    std::vector<Ref> stop(Slot destination, MonoTime now);
    /// The caller enqueues again what it holds; for an ordered destination it waits for a refill.
    void resume(Slot destination, MonoTime now);
    /// Gives back what waited here. The slot is unknown from now on.
    std::vector<Ref> remove(Slot destination, MonoTime now);

    /// A first attempt. Within an ordered destination: in ascending order of row numbers. Any
    /// other takes none while its circuit is not closed.
    Enqueued enqueue_fresh(const Ref& ref, MonoTime now);
    /// An attempt that is due by the wall clock.
    Enqueued enqueue_due(const Ref& ref, MonoTime now);
    /// How long a backlogged delivery had better wait: 1 to 60 s.
    Duration backlog_wait(Slot destination, MonoTime now);

    /// The next attempt to make; nothing when none may start now.
    std::optional<Start> next(MonoTime now);
    /// An attempt ended. Says whether the destination's circuit opened or closed by it.
    Breaker::Change finished(const Start& start, const End& end, MonoTime now);
    /// When to call `next` again although nothing was enqueued or finished.
    std::optional<MonoTime> next_wakeup(MonoTime now) const;

    /// A delivery became final without an attempt ending (cancelled, window over).
    void settle(const Ref& ref, MonoTime now);

    // An ordered destination must learn of its deliveries in ascending order without gaps. After a
    // start, a resume, or a lack of room ("spilled") it takes no fresh ones; it asks for them.
    std::optional<Refill> next_refill();
    /// One delivery of the answer. Anything but `queued` ends the answer early.
    Enqueued refill(const Refill& question, const Ref& ref, Ready ready, MonoTime now);
    /// Every delivery up to row number `through` that was not final has been handed in: the last
    /// one taken when only a part was told (the limit was reached, or one was not taken), else the
    /// newest row number that the query could see. After a part it asks on, as soon as it can.
    void refill_done(const Refill& question, std::int64_t through, Told told);

    std::uint32_t in_flight() const { return in_flight_[shared] + in_flight_[slow]; }
    std::uint32_t queued() const { return limits_.queued_max - pool_.free_count(); }
    std::optional<DestinationView> view(Slot destination, MonoTime now);

  private:
    // What a destination is, and with it which ring it waits in. Slots are shared or slow.
    static constexpr std::size_t shared = 0;
    static constexpr std::size_t slow = 1;
    static constexpr std::size_t failing = 2;  ///< starts in shared slots, at the pace
    static constexpr std::size_t kinds_count = 3;
    static constexpr std::size_t rings_count = kinds_count * 2;  ///< kind times lane

    /// The share of retries: each fresh start earns 3, each retry costs 7, so 7 : 3.
    struct RetryCredit {
        std::uint32_t points = 0;
        bool enough() const { return points >= 7; }
        void earn() { points = points + 3 > 21 ? 21 : points + 3; }
        void spend() { points -= points >= 7 ? 7 : points; }
    };

    struct Destination {
        Destination(const DestinationConfig& with, MonoTime now)
            : config(with), throttle(with.throttle, now) {}

        DestinationConfig config;
        Throttle throttle;
        Breaker breaker;
        std::unique_ptr<OrderGate> gate;  ///< only when ordered
        std::uint32_t generation = 0;
        std::int32_t workspace = -1;
        std::uint32_t in_flight = 0;
        std::array<RefList, 2> waiting;          ///< by Lane
        std::array<FairRing::Place, 2> places;   ///< in the workspace's ring, by Lane
        std::array<std::uint32_t, 2> turns{};    ///< left in this turn, by Lane
        std::array<std::size_t, 2> linked_in{};  ///< its kind, by Lane; the last one
        RetryCredit credit;
        std::chrono::nanoseconds mean_time{0};
        std::uint32_t overdue = 0;  ///< under way for longer than slow_after
        bool is_slow = false;
        bool is_failing = false;  ///< its last attempt spoke against it
        bool proven = false;      ///< answered fast once
        bool live = true;
        bool stopped = false;
        bool spilled = false;
        bool refilling = false;
        std::uint32_t refill_round = 0;
        Link spilled_link;
        std::int64_t presented_last = 0;  ///< every row number up to it is known here, if ordered
        std::int64_t refused_last = 0;
    };

    struct Workspace {
        WorkspaceConfig config;
        std::uint32_t in_flight = 0;
        struct Share {
            FairRing destinations;
            FairRing::Place place;  ///< in rings_, exactly when there are destinations and room
            std::uint32_t turns = 0;
        };
        std::array<Share, rings_count> shares;
    };

    enum class Standing : std::uint8_t { free, young, overdue, slow };
    struct InFlight {
        Ref ref;
        std::int32_t destination = -1;
        std::uint32_t epoch = 0;  ///< of the circuit
        MonoTime at;
        Link link;  ///< in young_ or overdue_
        Standing standing = Standing::free;
        bool was_overdue = false;
    };

    static std::size_t ring_of(std::size_t kind, std::size_t lane) { return kind * 2 + lane; }

    Destination* find(Slot slot);
    std::int32_t workspace_of(std::uint64_t key);

    void refresh(std::int32_t index, MonoTime now);
    void join(std::int32_t index, std::size_t lane);
    void leave(std::int32_t index, std::size_t lane);
    void relink(std::int32_t workspace);
    std::uint32_t in_flight_limit(const Destination& destination, MonoTime now) const;

    static std::size_t kind_of(const Destination& destination);
    /// Of which kind of slot a destination of that kind takes one.
    static std::size_t slot_of(std::size_t kind) { return kind == slow ? slow : shared; }
    bool has_slot(std::size_t kind) const;
    std::optional<Lane> choose_lane(std::size_t kind) const;
    std::optional<std::size_t> next_doubtful() const;
    void charge_pace(std::size_t kind, MonoTime now);
    Start start(std::size_t kind, Lane lane, MonoTime now);
    void charge_turn(std::int32_t workspace, std::int32_t index, std::size_t ring);
    void mark_overdue(MonoTime now);
    void move_overdue();
    void free_slot(std::uint32_t number);
    void learn_time(Destination& destination, OutcomeKind kind, std::chrono::nanoseconds took);

    /// How many refs more may wait for this destination.
    std::uint32_t room(const Destination& destination, Lane lane) const;
    Enqueued accept(Destination& destination, const Ref& ref, Lane lane, MonoTime now);
    Enqueued refuse(Destination& destination, const Ref& ref);
    void spill(Destination& destination, std::int32_t index);
    void unspill(Destination& destination, std::int32_t index);
    std::vector<Ref> take_waiting(Destination& destination);

    DispatcherLimits limits_;
    RefPool pool_;
    std::vector<Destination> destinations_;
    std::vector<std::int32_t> free_destinations_;
    std::vector<Workspace> workspaces_;
    std::map<std::uint64_t, std::int32_t> workspace_numbers_;  ///< only read when configured
    std::array<FairRing, rings_count> rings_;                  ///< of workspaces
    std::array<RetryCredit, kinds_count> credits_;
    WakeHeap wakes_;
    Ring spilled_;
    std::vector<InFlight> slots_;
    std::vector<std::uint32_t> free_slots_;
    Ring young_;                                ///< in shared slots, by start
    Ring overdue_;                              ///< in shared slots, waiting for a slow one
    std::array<std::uint32_t, 2> in_flight_{};  ///< by kind of slot
    MonoTime paced_until_;
    std::size_t last_doubtful_ = failing;  ///< the other kind is next
};

}  // namespace blotter::delivery
