// The pace of starts towards receivers that fail or are slow.
#include <algorithm>

#include "delivery/test_dispatcher_world.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

/// `count` destinations, each in a workspace of its own, whose only attempt so far came to `kind`.
std::vector<Slot> add_after(World& world, OutcomeKind kind, int count) {
    std::vector<Slot> slots;
    for (int i = 0; i < count; ++i) {
        slots.push_back(world.add(config(static_cast<std::uint64_t>(100 + i)), {20ms, kind}));
        world.fresh(slots.back());
    }
    world.run(world.now + 1s);
    world.starts.clear();
    return slots;
}

TEST(DispatcherPace, starts_at_failing_receivers_one_by_one) {
    World world;
    const std::vector<Slot> failing = add_after(world, OutcomeKind::overloaded, 400);
    for (const Slot slot : failing) world.due(slot);
    const MonoTime from = world.now;
    world.run(from + 1s);
    ASSERT_EQ(world.starts.size(), 400U);
    for (int i = 0; i < 400; ++i)
        EXPECT_EQ(world.starts[static_cast<std::size_t>(i)].at, from + std::max(i - 2, 0) * 500us)
            << i;
    // A healthy one has its turn in between, at once.
    world.starts.clear();
    for (const Slot slot : failing) world.due(slot);
    const Slot healthy = world.add(config(1));
    for (int i = 0; i < 3; ++i) world.begin(*world.dispatcher.next(world.now));
    world.fresh(healthy);
    const auto start = world.dispatcher.next(world.now);
    ASSERT_TRUE(start);
    EXPECT_EQ(start->ref.destination, healthy);
    EXPECT_FALSE(world.dispatcher.next(world.now));
    EXPECT_EQ(world.dispatcher.next_wakeup(world.now), world.now + 500us);
}

TEST(DispatcherPace, is_not_kept_from_failing_receivers_by_what_the_others_are_owed) {
    World world{{.shared_slots = 100'000}};
    const std::vector<Slot> failing = add_after(world, OutcomeKind::unreachable, 50);
    const Slot busy = world.add(config(1, 10'000));
    world.dispatcher.set_workspace(1, {.in_flight_max = 100'000});
    world.fresh(busy, 100);
    world.run(world.now + 1s);
    world.starts.clear();
    world.fresh(busy, 60'000);
    for (const Slot slot : failing) world.due(slot);
    // The loop has time for one start in each 0.1 ms, and never enough for all of the busy one.
    const MonoTime from = world.now;
    for (; world.now < from + 50 * 500us; world.now += 100us) {
        const auto start = world.dispatcher.next(world.now);
        ASSERT_TRUE(start);
        world.begin(*start);
    }
    EXPECT_EQ(world.starts.size() - world.starts_of(busy), 50U);
}

TEST(DispatcherPace, knows_which_receivers_fail) {
    struct Row {
        OutcomeKind last;
        bool is_failing;
    };
    for (const Row row : {Row{OutcomeKind::success, false}, Row{OutcomeKind::refused, false},
                          Row{OutcomeKind::gone, false}, Row{OutcomeKind::throttled, false},
                          Row{OutcomeKind::server_error, true}, Row{OutcomeKind::overloaded, true},
                          Row{OutcomeKind::no_answer, true}, Row{OutcomeKind::unreachable, true}}) {
        World world;
        const std::vector<Slot> slots = add_after(world, row.last, 10);
        world.now += 60s;  // a throttle that was asked to slow down has a start again
        for (const Slot slot : slots) world.due(slot);
        int at_once = 0;
        while (world.dispatcher.next(world.now)) ++at_once;
        EXPECT_EQ(at_once, row.is_failing ? 3 : 10) << static_cast<int>(row.last);
    }
}

TEST(DispatcherPace, starts_slow_receivers_at_the_same_pace_in_turn_with_failing_ones) {
    World world;
    const std::vector<Slot> failing = add_after(world, OutcomeKind::server_error, 20);
    std::vector<Slot> slow;
    for (int i = 0; i < 20; ++i) {
        slow.push_back(world.add(config(static_cast<std::uint64_t>(200 + i)), {30s}));
        world.fresh(slow.back());
    }
    world.run(world.now + 60s);
    world.starts.clear();
    for (const auto& slots : {failing, slow})
        for (const Slot slot : slots) world.due(slot);
    const MonoTime from = world.now;
    world.run(from + 1s);
    ASSERT_EQ(world.starts.size(), 40U);
    const auto is_slow = [&](std::size_t i) {
        return std::ranges::find(slow, world.starts[i].ref.destination) != slow.end();
    };
    for (std::size_t i = 0; i < 40; ++i) {
        EXPECT_EQ(world.starts[i].at, from + std::max<int>(static_cast<int>(i) - 2, 0) * 500us)
            << i;
        if (i > 0) EXPECT_NE(is_slow(i), is_slow(i - 1)) << i;
    }
}

TEST(DispatcherPace, trusts_a_receiver_again_after_one_success) {
    World world;
    const Slot slot = add_after(world, OutcomeKind::server_error, 1).front();
    world.receivers[slot.index].answers = OutcomeKind::success;
    world.due(slot);
    world.run(world.now + 1s);
    world.starts.clear();
    world.due(slot, 8);
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(world.dispatcher.next(world.now)) << i;
}

}  // namespace
}  // namespace blotter::delivery
