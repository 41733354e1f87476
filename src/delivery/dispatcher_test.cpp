#include <algorithm>
#include <map>

#include "delivery/test_dispatcher_world.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

TEST(Dispatcher, starts_a_fresh_delivery_at_once) {
    World world;
    const Slot slot = world.add(config(1));
    const Ref ref = world.make(slot);
    EXPECT_FALSE(world.dispatcher.next(world.now));
    EXPECT_EQ(world.dispatcher.enqueue_fresh(ref, world.now), Enqueued::queued);
    const auto start = world.dispatcher.next(world.now);
    ASSERT_TRUE(start);
    EXPECT_EQ(start->ref, ref);
    EXPECT_EQ(start->lane, Lane::fresh);
    EXPECT_FALSE(world.dispatcher.next(world.now));
    EXPECT_EQ(world.dispatcher.in_flight(), 1U);
    world.dispatcher.finished(*start, {.kind = OutcomeKind::success}, world.now + 1ms);
    EXPECT_EQ(world.dispatcher.in_flight(), 0U);
}

TEST(Dispatcher, holds_each_destination_to_its_concurrency) {
    World world;
    const Slot narrow = world.add(config(1, 1));
    const Slot wide = world.add(config(1, 16));
    world.fresh(narrow, 100);
    world.fresh(wide, 500);
    world.run(mono(60s));
    EXPECT_EQ(world.peak[narrow.index], 1);
    EXPECT_EQ(world.peak[wide.index], 16);
    EXPECT_EQ(world.ended[narrow.index], 100);
    EXPECT_EQ(world.ended[wide.index], 500);
}

TEST(Dispatcher, gives_two_slots_until_a_destination_has_answered_fast) {
    World world;
    const Slot slot = world.add(config(1, 50));
    world.fresh(slot, 100);
    world.run(mono(19ms));
    EXPECT_EQ(world.peak[slot.index], 2);
    world.run(mono(25ms));
    EXPECT_EQ(world.peak[slot.index], 50);
}

TEST(Dispatcher, holds_each_destination_to_its_rate) {
    World world;
    DestinationConfig slow_rate = config(1, 100);
    slow_rate.throttle = {.per_second_max = 10, .burst_max = 5};
    const Slot slot = world.add(slow_rate);
    world.fresh(slot, 1'000);
    world.run(mono(20s));
    EXPECT_EQ(world.starts.size(), 5U + 10 * 20);
}

TEST(Dispatcher, never_has_more_under_way_than_the_workspace_and_the_slots_allow) {
    World world{{.shared_slots = 20, .slow_slots = 5}};
    world.dispatcher.set_workspace(1, {.weight = 1, .in_flight_max = 7});
    std::vector<Slot> slots;
    for (int i = 0; i < 10; ++i) slots.push_back(world.add(config(1)));
    for (int i = 0; i < 10; ++i) slots.push_back(world.add(config(2)));
    for (const Slot slot : slots) world.fresh(slot, 50);
    int first_most = 0;
    while (world.running.size() < 1'000) {
        while (const auto start = world.dispatcher.next(world.now)) world.begin(*start);
        int first = 0;
        for (int i = 0; i < 10; ++i) first += world.in_flight[slots[i].index];
        first_most = std::max(first_most, first);
        ASSERT_LE(first, 7);
        ASSERT_LE(world.dispatcher.in_flight(), 20U);
        if (world.running.empty()) break;
        world.now = world.running.top().ends;
        world.end_first();
    }
    EXPECT_EQ(first_most, 7);
    EXPECT_EQ(world.starts.size(), 1'000U);
}

TEST(Dispatcher, shares_by_weight_between_workspaces_and_destinations) {
    World world{{.shared_slots = 1, .slow_slots = 1}};
    world.dispatcher.set_workspace(1, {.weight = 3});
    world.dispatcher.set_workspace(2, {.weight = 1});
    const Slot a = world.add(config(1));
    DestinationConfig heavy = config(1);
    heavy.weight = 2;
    const Slot b = world.add(heavy);
    const Slot c = world.add(config(2));
    for (const Slot slot : {a, b, c}) world.fresh(slot, 10'000);
    world.run(mono(20ms * 2'400 - 1ns));
    EXPECT_NEAR(static_cast<double>(world.starts_of(a)), 600, 4);
    EXPECT_NEAR(static_cast<double>(world.starts_of(b)), 1'200, 4);
    EXPECT_NEAR(static_cast<double>(world.starts_of(c)), 600, 4);
}

TEST(Dispatcher, starts_a_quiet_workspace_before_the_noisy_ones_go_on) {
    // One slot, so that each start takes 20 ms: the hardest case for a newcomer.
    World world{{.shared_slots = 1, .slow_slots = 1}};
    world.dispatcher.set_workspace(1, {.weight = 4});
    world.dispatcher.set_workspace(2, {.weight = 1});
    const Slot noisy = world.add(config(1));
    const Slot other = world.add(config(2));
    const Slot quiet = world.add(config(3));
    world.fresh(noisy, 100'000);
    world.fresh(other, 50'000);
    world.run(mono(10s));
    for (int i = 0; i < 50; ++i) {
        const MonoTime asked = world.now;
        const std::size_t before = world.starts.size();
        world.fresh(quiet);
        world.run(world.now + 200ms);
        const auto found = std::find_if(
            world.starts.begin() + static_cast<std::ptrdiff_t>(before), world.starts.end(),
            [&](const Start& start) { return start.ref.destination == quiet; });
        ASSERT_NE(found, world.starts.end());
        // Who was running ends, then nobody else starts before.
        EXPECT_LE(found->at - asked, 20ms);
        world.run(world.now + 7ms * i);
    }
}

TEST(Dispatcher, starts_a_quiet_destination_before_the_noisy_ones_of_its_workspace) {
    World world{{.shared_slots = 1, .slow_slots = 1}};
    std::vector<Slot> noisy;
    for (int i = 0; i < 10; ++i) noisy.push_back(world.add(config(1)));
    const Slot quiet = world.add(config(1));
    for (const Slot& slot : noisy) world.fresh(slot, 1'000);
    world.run(mono(5s));
    world.fresh(quiet, 3);
    const std::size_t before = world.starts.size();
    world.run(world.now + 600ms);
    std::string order;
    for (std::size_t i = before; i < world.starts.size(); ++i)
        order += world.starts[i].ref.destination == quiet ? 'q' : '.';
    EXPECT_EQ(order.substr(0, 23), "q..........q..........q") << "first, and then in its turn";
}

TEST(Dispatcher, keeps_a_quiet_tenant_as_fast_as_alone_next_to_a_noisy_one) {
    World world;
    DestinationConfig loud = config(1, 200);
    const Slot noisy = world.add(loud);
    const Slot quiet = world.add(config(2));
    world.fresh(noisy, 100'000);
    for (int i = 0; i < 200; ++i) {
        world.run(world.now + 33ms);
        const MonoTime asked = world.now;
        world.fresh(quiet);
        world.run(asked);
        EXPECT_EQ(world.starts.back().ref.destination, quiet);
        EXPECT_EQ(world.starts.back().at, asked);
    }
}

TEST(Dispatcher, does_not_let_dead_destinations_slow_the_others) {
    World world{{.shared_slots = 64, .slow_slots = 16}};
    std::vector<Slot> dead;
    for (int i = 0; i < 100; ++i) {
        dead.push_back(world.add(config(static_cast<std::uint64_t>(100 + i)),
                                 {30s, OutcomeKind::no_answer, Settled::not_final}));
        world.fresh(dead.back(), 1'000);
    }
    const Slot healthy = world.add(config(1));
    // 100 destinations hang with two attempts each: 64 at first, of which the oldest 16 move to the
    // slow slots after a second. From then on the healthy one always finds a shared slot.
    world.run(mono(2s));
    MonoTime worst = mono(0s);
    for (int i = 0; i < 2'000; ++i) {
        const MonoTime asked = world.now;
        const std::size_t before = world.starts.size();
        world.fresh(healthy);
        world.run(world.now + 50ms);
        const auto found = std::find_if(
            world.starts.begin() + static_cast<std::ptrdiff_t>(before), world.starts.end(),
            [&](const Start& start) { return start.ref.destination == healthy; });
        if (found == world.starts.end()) continue;
        worst = std::max(worst, MonoTime{found->at - asked});
    }
    EXPECT_EQ(world.starts_of(healthy), 2'000U);
    EXPECT_LE(worst, mono(1s));
    EXPECT_GE(world.starts_of(dead[0]), 2U);
}

TEST(Dispatcher, gives_no_shared_slot_to_a_destination_from_the_moment_it_is_slow) {
    World world{{.shared_slots = 10, .slow_slots = 1}};
    DestinationConfig one_a_second = config(1);
    one_a_second.throttle = {.per_second_max = 1, .burst_max = 1};
    const Slot slot = world.add(one_a_second);
    world.fresh(slot, 2);
    const auto hangs = world.dispatcher.next(mono(0s));
    ASSERT_TRUE(hangs);
    // The second one's token comes in the same moment in which the first one turns slow, and the
    // first one has the only slow slot.
    EXPECT_FALSE(world.dispatcher.next(mono(1s)));
    EXPECT_TRUE(world.dispatcher.view(slot, mono(1s))->slow);
    world.dispatcher.finished(*hangs, {.kind = OutcomeKind::success}, mono(2s));
    EXPECT_TRUE(world.dispatcher.next(mono(2s)));
}

TEST(Dispatcher, moves_a_slow_destination_back_when_it_answers_fast_again) {
    World world;
    const Slot slot = world.add(config(1), {3s, OutcomeKind::success, Settled::final});
    world.fresh(slot, 4);
    world.run(mono(10s));
    EXPECT_TRUE(world.dispatcher.view(slot, world.now)->slow);
    world.receivers[slot.index].takes = 10ms;
    world.fresh(slot, 100);
    world.run(mono(20s));
    EXPECT_FALSE(world.dispatcher.view(slot, world.now)->slow);
    EXPECT_EQ(world.ended[slot.index], 104);
}

TEST(Dispatcher, keeps_retries_below_a_third_while_fresh_work_waits) {
    World world{{.shared_slots = 1, .slow_slots = 1}};
    const Slot both = world.add(config(1));
    const Slot only_late = world.add(config(2));
    world.fresh(both, 5'000);
    world.due(both, 5'000);
    world.due(only_late, 5'000);
    world.run(mono(20ms * 3'000));
    std::size_t late = 0;
    for (std::size_t i = 0; i < world.starts.size(); ++i) {
        late += world.starts[i].lane == Lane::late ? 1 : 0;
        ASSERT_LE(late * 10, (i + 1) * 3 + 30);
    }
    EXPECT_GE(late * 10, world.starts.size() * 3 - 30);
    // Without fresh work they have everything.
    world.run(mono(20ms * 20'000));
    EXPECT_EQ(world.starts.size(), 15'000U);
}

TEST(Dispatcher, does_not_let_a_destinations_retries_starve_its_fresh_ones) {
    World world;
    const Slot mixed = world.add(config(1, 1));
    const Slot busy = world.add(config(2, 64));
    world.fresh(mixed, 500);
    world.due(mixed, 500);
    world.fresh(busy, 100'000);
    world.run(mono(20ms * 400));
    std::size_t late = 0;
    for (const Start& start : world.starts)
        late += start.ref.destination == mixed && start.lane == Lane::late ? 1 : 0;
    EXPECT_LE(late * 10, world.starts_of(mixed) * 3 + 30);
    EXPECT_GE(world.starts_of(mixed), 390U);
}

TEST(Dispatcher, opens_the_circuit_and_probes_once_a_minute) {
    World world;
    const Slot slot = world.add(config(1), {5ms, OutcomeKind::unreachable, Settled::not_final});
    world.fresh(slot, 1'000);
    world.run(mono(10s));
    // Two at a time, so a sixth was under way when the fifth failed.
    const std::size_t before = world.starts.size();
    EXPECT_LE(before, 6U);
    EXPECT_EQ(world.dispatcher.view(slot, world.now)->circuit, Breaker::State::open);
    world.run(mono(10min + 10s));
    EXPECT_EQ(world.starts.size(), before + 10);
    const Duration wait = world.dispatcher.backlog_wait(slot, world.now);
    EXPECT_GT(wait, Duration{40s});
    EXPECT_LE(wait, Duration{60s});
}

TEST(Dispatcher, takes_no_fresh_delivery_while_the_circuit_is_not_closed) {
    World world;
    const Slot slot = world.add(config(1, 1), {5ms, OutcomeKind::unreachable, Settled::not_final});
    world.fresh(slot, 5);
    world.run(mono(1s));
    ASSERT_EQ(world.dispatcher.view(slot, world.now)->circuit, Breaker::State::open);
    EXPECT_EQ(world.dispatcher.enqueue_fresh(world.make(slot), world.now), Enqueued::backlogged);
    EXPECT_GE(world.dispatcher.backlog_wait(slot, world.now), Duration{59s});
    // What became due is what it is probed with.
    EXPECT_EQ(world.dispatcher.enqueue_due(world.make(slot), world.now), Enqueued::queued);
    world.receivers[slot.index] = {};
    world.run(mono(70s));
    EXPECT_EQ(world.dispatcher.view(slot, world.now)->circuit, Breaker::State::ramp);
    EXPECT_EQ(world.dispatcher.enqueue_fresh(world.make(slot), world.now), Enqueued::backlogged);
    world.due(slot);
    world.run(mono(80s));
    ASSERT_EQ(world.dispatcher.view(slot, world.now)->circuit, Breaker::State::closed);
    world.fresh(slot);
}

TEST(Dispatcher, takes_what_waits_in_order_while_the_circuit_is_open) {
    World world;
    DestinationConfig ordered = config(1, 1);
    ordered.order = Order::per_envelope;
    const Slot slot = world.add(ordered, {5ms, OutcomeKind::unreachable, Settled::final});
    const auto refill = world.dispatcher.next_refill();
    ASSERT_TRUE(refill);
    world.dispatcher.refill_done(*refill, 0, Told::all);
    for (std::uint64_t key = 1; key <= 5; ++key)
        ASSERT_EQ(world.dispatcher.enqueue_fresh(world.make(slot, key), world.now),
                  Enqueued::queued);
    world.run(mono(1s));
    ASSERT_EQ(world.dispatcher.view(slot, world.now)->circuit, Breaker::State::open);
    // Its row is there, and leaving it out would leave a gap.
    EXPECT_EQ(world.dispatcher.enqueue_fresh(world.make(slot, 6), world.now), Enqueued::queued);
}

TEST(Dispatcher, drains_a_hundred_thousand_after_an_outage_without_a_herd) {
    World world;
    DestinationConfig limited = config(1, 32);
    limited.throttle = {.per_second_max = 500, .burst_max = 50};
    const Slot down = world.add(limited, {5ms, OutcomeKind::unreachable, Settled::not_final});
    const Slot healthy = world.add(config(2));
    world.due(down, 100'000);
    world.run(mono(30min));
    world.starts.clear();
    world.peak.clear();
    world.receivers[down.index] = {};
    const MonoTime back = world.now;
    while (world.dispatcher.view(down, world.now)->late > 0 && world.now < back + 1h) {
        world.run(world.now + 1s);
        world.fresh(healthy);
    }
    EXPECT_LE(world.peak[down.index], 32);
    // Slow start: after the probe one at a time, then two, then four.
    std::vector<MonoTime> drained;
    for (const Start& start : world.starts)
        if (start.ref.destination == down) drained.push_back(start.at);
    ASSERT_GE(drained.size(), 99'000U);
    EXPECT_GE(drained[1] - drained[0], 20ms);
    EXPECT_GE(drained[2] - drained[1], 20ms);
    EXPECT_GE(drained[4] - drained[2], 20ms);
    // In any second at most the rate and the burst.
    for (std::size_t i = 550; i < drained.size(); ++i)
        ASSERT_GE(drained[i] - drained[i - 550], 1s - 1ns) << i;
    EXPECT_LE(world.now - back, 5min);
}

TEST(Dispatcher, slows_down_and_pauses_when_asked) {
    World world;
    const Slot slot = world.add(config(1, 1));
    world.fresh(slot, 100);
    const auto start = world.dispatcher.next(world.now);
    ASSERT_TRUE(start);
    world.dispatcher.finished(
        *start,
        {.kind = OutcomeKind::throttled, .retry_after = Duration{45s}, .settled = Settled::final},
        mono(100ms));
    EXPECT_FALSE(world.dispatcher.next(mono(45s)));
    EXPECT_EQ(world.dispatcher.next_wakeup(mono(45s)), mono(45s + 100ms));
    EXPECT_TRUE(world.dispatcher.next(mono(45s + 100ms)));
    EXPECT_LT(world.dispatcher.view(slot, mono(46s))->rate_millihertz, 100'000'000U);
}

TEST(Dispatcher, answers_backlogged_when_a_queue_is_full) {
    World world{{.queued_max = 160}};
    DestinationConfig small = config(1);
    small.queue_max = 10;
    const Slot slot = world.add(small);
    world.fresh(slot, 10);
    EXPECT_EQ(world.dispatcher.enqueue_fresh(world.make(slot), world.now), Enqueued::backlogged);
    EXPECT_EQ(world.dispatcher.enqueue_due(world.make(slot), world.now), Enqueued::queued);
    const Duration wait = world.dispatcher.backlog_wait(slot, world.now);
    EXPECT_GE(wait, Duration{1s});
    EXPECT_LE(wait, Duration{60s});
    ASSERT_TRUE(world.dispatcher.next(world.now));
    EXPECT_EQ(world.dispatcher.enqueue_fresh(world.make(slot), world.now), Enqueued::queued);
}

TEST(Dispatcher, keeps_memory_back_for_short_queues) {
    World world{{.queued_max = 160}};
    const Slot noisy = world.add(config(1));
    while (world.dispatcher.enqueue_fresh(world.make(noisy), world.now) == Enqueued::queued) {
    }
    EXPECT_EQ(world.dispatcher.queued(), 140U);
    const Slot quiet = world.add(config(2));
    world.fresh(quiet, 15);
}

TEST(Dispatcher, gives_back_what_waits_when_a_destination_stops) {
    World world;
    const Slot slot = world.add(config(1, 2));
    world.fresh(slot, 5);
    world.due(slot, 2);
    const auto under_way = world.dispatcher.next(world.now);
    ASSERT_TRUE(under_way);
    const std::vector<Ref> held = world.dispatcher.stop(slot, world.now);
    EXPECT_EQ(held.size(), 6U);
    EXPECT_TRUE(std::ranges::is_sorted(held, {}, &Ref::delivery));
    EXPECT_FALSE(world.dispatcher.next(world.now));
    EXPECT_EQ(world.dispatcher.enqueue_fresh(world.make(slot), world.now), Enqueued::stopped);
    EXPECT_EQ(world.dispatcher.enqueue_due(world.make(slot), world.now), Enqueued::stopped);
    world.dispatcher.finished(*under_way, {.kind = OutcomeKind::success}, mono(1ms));
    world.dispatcher.resume(slot, mono(2ms));
    EXPECT_EQ(world.dispatcher.enqueue_due(held[0], mono(2ms)), Enqueued::queued);
    EXPECT_TRUE(world.dispatcher.next(mono(2ms)));
}

TEST(Dispatcher, forgets_a_removed_destination_and_knows_its_successor_apart) {
    World world;
    const Slot old_slot = world.add(config(1));
    world.fresh(old_slot, 3);
    const auto under_way = world.dispatcher.next(world.now);
    ASSERT_TRUE(under_way);
    EXPECT_EQ(world.dispatcher.remove(old_slot, world.now).size(), 2U);
    EXPECT_EQ(world.dispatcher.enqueue_due(world.make(old_slot), world.now), Enqueued::unknown);
    const Slot other = world.add(config(1));
    EXPECT_NE(other.index, old_slot.index);
    world.dispatcher.finished(*under_way, {.kind = OutcomeKind::unreachable}, mono(1ms));
    const Slot reused = world.add(config(2));
    EXPECT_EQ(reused.index, old_slot.index);
    EXPECT_NE(reused, old_slot);
    EXPECT_EQ(world.dispatcher.enqueue_due(world.make(old_slot), world.now), Enqueued::unknown);
    EXPECT_EQ(world.dispatcher.enqueue_due(world.make(reused), world.now), Enqueued::queued);
    EXPECT_FALSE(world.dispatcher.view(old_slot, world.now));
}

TEST(Dispatcher, works_with_ten_thousand_destinations) {
    World world;
    std::vector<Slot> slots;
    for (int i = 0; i < 10'000; ++i)
        slots.push_back(world.add(config(static_cast<std::uint64_t>(i % 1'000))));
    for (int round = 0; round < 5; ++round)
        for (const Slot slot : slots) world.fresh(slot);
    world.run(mono(100s));
    EXPECT_EQ(world.starts.size(), 50'000U);
    // Everybody's first one started before anybody's third.
    std::map<int, int> seen;
    int started_once = 0;
    for (const Start& start : world.starts) {
        const int count = ++seen[start.ref.destination.index];
        started_once += count == 1 ? 1 : 0;
        if (count == 4) {
            EXPECT_EQ(started_once, 10'000);
            break;
        }
    }
}

}  // namespace
}  // namespace blotter::delivery
