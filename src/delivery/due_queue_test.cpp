#include "delivery/due_queue.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;
using Kept = DueQueue::Kept;
using More = DueQueue::More;

DueEntry entry(std::int64_t due_ms, std::int64_t delivery) {
    return {.due_ms = due_ms, .delivery = delivery, .destination = 3, .generation = 1};
}

/// A queue that has loaded everything from an empty store.
DueQueue loaded(std::size_t capacity) {
    DueQueue queue{capacity};
    queue.begin_refill();
    queue.finish_refill({}, More::no);
    return queue;
}

TEST(DueQueue, keeps_nothing_and_asks_for_all_before_the_first_load) {
    DueQueue queue{100};
    EXPECT_EQ(queue.push(entry(5, 1)), Kept::no);
    EXPECT_TRUE(queue.needs_refill(from_ms(0)));
    const auto slice = queue.begin_refill();
    EXPECT_LT(slice.from, (DueKey{-1'000, 0}));
    EXPECT_EQ(slice.limit, 100U);
    EXPECT_FALSE(queue.needs_refill(from_ms(0)));
    queue.finish_refill({}, More::no);
    EXPECT_TRUE(queue.holds_everything());
    EXPECT_EQ(queue.push(entry(5, 1)), Kept::yes);
}

TEST(DueQueue, gives_entries_by_time_and_then_by_row_and_never_early) {
    DueQueue queue = loaded(100);
    for (const auto& each : {entry(30, 1), entry(10, 9), entry(20, 2), entry(10, 3)})
        queue.push(each);
    EXPECT_EQ(queue.next_due(), from_ms(10));
    EXPECT_FALSE(queue.pop(from_ms(9)));
    EXPECT_EQ(queue.pop(from_ms(25)), entry(10, 3));
    EXPECT_EQ(queue.pop(from_ms(25)), entry(10, 9));
    EXPECT_EQ(queue.pop(from_ms(25)), entry(20, 2));
    EXPECT_FALSE(queue.pop(from_ms(25)));
    EXPECT_EQ(queue.pop(from_ms(30)), entry(30, 1));
    EXPECT_FALSE(queue.next_due());
}

TEST(DueQueue, drops_the_later_half_when_full) {
    DueQueue queue = loaded(8);
    for (std::int64_t i = 0; i < 8; ++i) EXPECT_EQ(queue.push(entry(i * 10, i)), Kept::yes);
    EXPECT_EQ(queue.push(entry(5, 100)), Kept::yes);
    EXPECT_EQ(queue.size(), 5U);
    EXPECT_FALSE(queue.holds_everything());
    EXPECT_EQ(queue.push(entry(40, 4)), Kept::no);
    EXPECT_EQ(queue.push(entry(39, 4)), Kept::yes);
}

TEST(DueQueue, keeps_what_fits_when_everything_is_due_at_once) {
    DueQueue queue = loaded(8);
    for (std::int64_t i = 0; i < 100; ++i) queue.push(entry(7, i));
    std::int64_t next = 0;
    while (const auto popped = queue.pop(from_ms(7))) EXPECT_EQ(popped->delivery, next++);
    EXPECT_GE(next, 4);
    EXPECT_TRUE(queue.needs_refill(from_ms(7)));
    EXPECT_EQ(queue.begin_refill().from, (DueKey{7, next}));
}

TEST(DueQueue, asks_for_the_next_slice_before_the_horizon_is_due) {
    DueQueue queue{8};
    queue.begin_refill();
    std::vector<DueEntry> rows;
    for (std::int64_t i = 0; i < 4; ++i) rows.push_back(entry(100'000 + i, i));
    queue.finish_refill(rows, More::yes);
    EXPECT_FALSE(queue.needs_refill(from_ms(0)));
    EXPECT_TRUE(queue.needs_refill(from_ms(80'000)));
    queue.pop(from_ms(200'000));
    queue.pop(from_ms(200'000));
    EXPECT_TRUE(queue.needs_refill(from_ms(0)));
    EXPECT_EQ(queue.begin_refill().from, (DueKey{100'003, 4}));
}

TEST(DueQueue, merges_what_was_pushed_during_a_load_exactly_once) {
    DueQueue queue{100};
    queue.begin_refill();
    EXPECT_EQ(queue.push(entry(10, 1)), Kept::no);  // the store's answer will have it
    EXPECT_EQ(queue.push(entry(20, 2)), Kept::no);  // and will be too old for this one
    EXPECT_EQ(queue.push(entry(99, 3)), Kept::no);  // this one is past the new horizon
    const std::vector<DueEntry> rows{entry(5, 9), entry(10, 1), entry(50, 8)};
    queue.finish_refill(rows, More::yes);
    EXPECT_EQ(queue.size(), 4U);
    EXPECT_EQ(queue.pop(from_ms(100)), entry(5, 9));
    EXPECT_EQ(queue.pop(from_ms(100)), entry(10, 1));
    EXPECT_EQ(queue.pop(from_ms(100)), entry(20, 2));
    EXPECT_EQ(queue.pop(from_ms(100)), entry(50, 8));
}

TEST(DueQueue, throws_a_load_away_that_would_leave_a_gap) {
    DueQueue queue{8};
    queue.begin_refill();
    std::vector<DueEntry> rows;
    for (std::int64_t i = 0; i < 4; ++i) rows.push_back(entry(100 + i, i));
    queue.finish_refill(rows, More::yes);
    queue.begin_refill();
    // The queue overflows during the load and its horizon moves back.
    for (std::int64_t i = 0; i < 8; ++i) queue.push(entry(10 + i, 50 + i));
    while (queue.pop(from_ms(17))) {
    }
    queue.finish_refill(std::vector<DueEntry>{entry(200, 99)}, More::no);
    EXPECT_FALSE(queue.holds_everything());
    EXPECT_EQ(queue.begin_refill().from, (DueKey{100, 0}));
}

TEST(DueQueue, never_loses_what_was_put_off_past_the_horizon) {
    DueQueue queue = loaded(8);
    for (std::int64_t i = 0; i < 9; ++i) queue.push(entry(i, i));  // the horizon is at 4
    const auto first = queue.pop(from_ms(0));
    const auto second = queue.pop(from_ms(1));
    ASSERT_TRUE(first && second);
    queue.postpone(entry(1'000, first->delivery));
    queue.postpone(entry(3, second->delivery));
    EXPECT_EQ(queue.pop(from_ms(10)), entry(2, 2));
    EXPECT_EQ(queue.pop(from_ms(10)), entry(3, 1));
    EXPECT_EQ(queue.pop(from_ms(10)), entry(3, 3));
    EXPECT_FALSE(queue.pop(from_ms(10)));
    EXPECT_EQ(queue.next_due(), from_ms(1'000));
    EXPECT_EQ(queue.pop(from_ms(1'000)), entry(1'000, 0));
}

TEST(DueQueue, puts_off_everything_that_it_holds_and_forgets_none_of_it) {
    DueQueue queue = loaded(8);
    for (std::int64_t i = 0; i < 8; ++i) queue.push(entry(i, i));
    for (std::int64_t i = 0; i < 8; ++i) {
        const auto due = queue.pop(from_ms(10));
        ASSERT_TRUE(due);
        queue.postpone(entry(1'000 + i, due->delivery));
    }
    // There is room for nothing else: what comes now stays in the store until there is.
    EXPECT_EQ(queue.push(entry(500, 77)), Kept::no);
    EXPECT_FALSE(queue.needs_refill(from_ms(500)));
    EXPECT_FALSE(queue.pop(from_ms(999)));
    for (std::int64_t i = 0; i < 8; ++i) EXPECT_EQ(queue.pop(from_ms(2'000)), entry(1'000 + i, i));
    ASSERT_TRUE(queue.needs_refill(from_ms(2'000)));
    const auto slice = queue.begin_refill();
    EXPECT_EQ(slice.from, (DueKey{500, 77}));
    EXPECT_EQ(slice.limit, 8U);
}

TEST(DueQueue, makes_room_for_what_comes_back_when_others_took_its_place) {
    DueQueue queue = loaded(8);
    for (std::int64_t i = 0; i < 8; ++i) queue.push(entry(i, i));
    std::vector<DueEntry> taken;
    for (int i = 0; i < 6; ++i) taken.push_back(queue.pop(from_ms(10)).value());
    for (std::int64_t i = 0; i < 6; ++i) queue.push(entry(20 + i, 100 + i));
    ASSERT_EQ(queue.size(), 8U);
    for (const DueEntry& each : taken) queue.postpone(entry(1'000 + each.delivery, each.delivery));
    // The later half of the others went twice; the store still has them, behind the horizon.
    EXPECT_FALSE(queue.holds_everything());
    std::vector<std::int64_t> seen;
    while (const auto each = queue.pop(from_ms(2'000))) seen.push_back(each->delivery);
    const auto slice = queue.begin_refill();
    std::vector<DueEntry> rest;
    for (std::int64_t i = 0; i < 6; ++i)
        if (entry(20 + i, 100 + i).key() >= slice.from) rest.push_back(entry(20 + i, 100 + i));
    queue.finish_refill(rest, More::no);
    while (const auto each = queue.pop(from_ms(2'000))) seen.push_back(each->delivery);
    std::ranges::sort(seen);
    EXPECT_EQ(seen,
              (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 100, 101, 102, 103, 104, 105}));
}

TEST(DueQueue, asks_again_when_a_load_fails) {
    DueQueue queue{8};
    const auto first = queue.begin_refill();
    queue.abandon_refill();
    EXPECT_TRUE(queue.needs_refill(from_ms(0)));
    EXPECT_EQ(queue.begin_refill().from, first.from);
}

TEST(DueQueue, holds_a_million_in_32_megabytes) {
    EXPECT_LE(1'250'000 * sizeof(DueEntry), 32'000'000U);
    DueQueue queue = loaded(1'000'000);
    SeededRandom random{1};
    for (std::int64_t i = 0; i < 1'000'000; ++i)
        queue.push(entry(static_cast<std::int64_t>(random.below(259'200'000)), i));
    EXPECT_EQ(queue.size(), 1'000'000U);
    DueKey last{-1, 0};
    std::size_t popped = 0;
    while (const auto each = queue.pop(from_ms(259'200'000))) {
        ASSERT_LT(last, each->key());
        last = each->key();
        ++popped;
    }
    EXPECT_EQ(popped, 1'000'000U);
}

/// Whatever is pushed, popped and loaded: each row of the store comes out once, in order, on time.
TEST(DueQueue, agrees_with_the_store_over_random_operations) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        SeededRandom random{seed};
        DueQueue queue{64};
        std::map<DueKey, DueEntry> store;
        std::map<DueKey, DueEntry> answer;  // what the store saw when the load began
        std::optional<DueQueue::Slice> loading;
        std::int64_t now = 0;
        std::int64_t rows = 0;
        for (int step = 0; step < 20'000; ++step) {
            now += static_cast<std::int64_t>(random.below(20));
            const auto what = random.below(10);
            if (what < 4) {
                const DueEntry fresh =
                    entry(now + static_cast<std::int64_t>(random.below(20'000)), ++rows);
                store.emplace(fresh.key(), fresh);
                queue.push(fresh);
            } else if (what < 8) {
                if (const auto due = queue.pop(from_ms(now))) {
                    ASSERT_LE(due->due_ms, now);
                    ASSERT_TRUE(!store.empty() && store.begin()->first == due->key());
                    store.erase(store.begin());
                }
            } else if (!loading && queue.needs_refill(from_ms(now))) {
                loading = queue.begin_refill();
                answer = store;
            } else if (loading && random.below(8) == 0) {
                std::vector<DueEntry> found;
                auto at = answer.lower_bound(loading->from);
                while (at != answer.end() && found.size() < loading->limit)
                    found.push_back((at++)->second);
                if (random.below(10) == 0) {
                    queue.abandon_refill();
                } else {
                    queue.finish_refill(found, at == answer.end() ? More::no : More::yes);
                }
                loading.reset();
            }
            ASSERT_LE(queue.size(), 64U);
        }
        while (!store.empty()) {
            now += 1'000;
            if (loading) queue.abandon_refill();
            loading.reset();
            while (queue.needs_refill(from_ms(now))) {
                const auto slice = queue.begin_refill();
                std::vector<DueEntry> found;
                auto at = store.lower_bound(slice.from);
                while (at != store.end() && found.size() < slice.limit)
                    found.push_back((at++)->second);
                queue.finish_refill(found, at == store.end() ? More::no : More::yes);
                if (!found.empty() && queue.size() == 0) break;
            }
            while (const auto due = queue.pop(from_ms(now))) {
                ASSERT_TRUE(store.begin()->first == due->key());
                store.erase(store.begin());
            }
        }
        EXPECT_EQ(queue.size(), 0U);
    }
}

}  // namespace
}  // namespace blotter::delivery
