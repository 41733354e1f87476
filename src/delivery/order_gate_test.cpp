#include "delivery/order_gate.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using Entered = OrderGate::Entered;

Ref ref(std::int64_t delivery, std::uint64_t key) {
    return {.delivery = delivery, .order_key = key, .destination = {0, 0}};
}

TEST(OrderGate, lets_one_delivery_of_a_key_through_and_queues_the_rest) {
    RefPool pool{100};
    OrderGate gate{10};
    EXPECT_EQ(gate.enter(ref(1, 7), pool), Entered::holds);
    EXPECT_EQ(gate.enter(ref(2, 7), pool), Entered::waits);
    EXPECT_EQ(gate.enter(ref(3, 8), pool), Entered::holds);
    EXPECT_EQ(gate.enter(ref(1, 7), pool), Entered::holds);
    gate.started(ref(1, 7));
    EXPECT_EQ(gate.enter(ref(1, 7), pool), Entered::under_way);
    EXPECT_EQ(gate.leave(ref(1, 7), pool), ref(2, 7));
    EXPECT_EQ(gate.leave(ref(2, 7), pool), std::nullopt);
    EXPECT_EQ(gate.size(), 1U);
}

TEST(OrderGate, refuses_past_its_limits_without_changing_anything) {
    RefPool pool{1};
    OrderGate gate{2};
    EXPECT_EQ(gate.enter(ref(1, 1), pool), Entered::holds);
    EXPECT_EQ(gate.enter(ref(2, 2), pool), Entered::holds);
    EXPECT_EQ(gate.enter(ref(3, 3), pool), Entered::full);
    EXPECT_EQ(gate.enter(ref(4, 1), pool), Entered::waits);
    EXPECT_EQ(gate.enter(ref(5, 1), pool), Entered::full);
    EXPECT_EQ(gate.size(), 2U);
    EXPECT_EQ(gate.waiting(), 1U);
}

TEST(OrderGate, takes_a_cancelled_successor_out_of_the_row) {
    RefPool pool{10};
    OrderGate gate{4};
    for (std::int64_t i = 1; i <= 4; ++i) gate.enter(ref(i, 9), pool);
    EXPECT_EQ(gate.leave(ref(3, 9), pool), std::nullopt);
    EXPECT_EQ(gate.waiting(), 2U);
    EXPECT_EQ(gate.leave(ref(1, 9), pool), ref(2, 9));
    EXPECT_EQ(gate.leave(ref(2, 9), pool), ref(4, 9));
}

TEST(OrderGate, keeps_the_keys_of_attempts_under_way_when_cleared) {
    RefPool pool{10};
    OrderGate gate{4};
    gate.enter(ref(1, 1), pool);
    gate.enter(ref(2, 1), pool);
    gate.enter(ref(3, 2), pool);
    gate.started(ref(1, 1));
    std::vector<Ref> out;
    gate.clear(pool, out);
    EXPECT_EQ(out, std::vector<Ref>{ref(2, 1)});
    EXPECT_TRUE(gate.holds(ref(1, 1)));
    EXPECT_FALSE(gate.holds(ref(3, 2)));
    EXPECT_EQ(gate.size(), 1U);
    EXPECT_EQ(pool.free_count(), 10U);
}

TEST(OrderGate, agrees_with_a_map_of_queues) {
    const std::uint64_t seed = 5;
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random{seed};
    RefPool pool{100};
    OrderGate gate{16};
    std::map<std::uint64_t, std::deque<std::int64_t>> model;
    std::int64_t rows = 0;
    for (int step = 0; step < 200'000; ++step) {
        // Few distinct keys that differ in their high bits only: they crowd in the table.
        const std::uint64_t key = (random.below(40) + 1) << 40;
        auto& queue = model[key];
        if (random.below(2) == 0) {
            const Ref fresh = ref(++rows, key);
            const std::size_t keys = static_cast<std::size_t>(
                std::ranges::count_if(model, [](const auto& m) { return !m.second.empty(); }));
            const auto entered = gate.enter(fresh, pool);
            if (!queue.empty()) {
                ASSERT_EQ(entered, Entered::waits);
            } else {
                ASSERT_EQ(entered, keys == 16 ? Entered::full : Entered::holds);
            }
            if (entered != Entered::full) queue.push_back(fresh.delivery);
            if (queue.size() > 4) queue.pop_back(), gate.leave(fresh, pool);
        } else if (!queue.empty()) {
            const auto next = gate.leave(ref(queue.front(), key), pool);
            queue.pop_front();
            ASSERT_EQ(next.has_value(), !queue.empty());
            if (next) {
                ASSERT_EQ(next->delivery, queue.front());
            }
        }
    }
}

}  // namespace
}  // namespace blotter::delivery
