#include "store/commits.hpp"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/task_group.hpp"
#include "runtime/wait_for.hpp"

namespace blotter::store {
namespace {

using namespace std::chrono_literals;

struct CommitsTest : testing::Test {
    /// Looks, rests, and looks again.
    runtime::Task<> looker() {
        while (!watch.is_stopped()) {
            watch.begin_look();
            ++looks;
            co_await loop.sleep_for(look_takes);
            co_await watch.rest(due);
        }
    }
    void begin() {
        tasks.spawn(looker());
        run(0s);
    }
    /// Every timer at its time.
    void run(std::chrono::nanoseconds time) {
        for (const MonoTime end = clock.mono() + time;;) {
            while (loop.poll() > 0) {
            }
            if (clock.mono() == end) return;
            clock.advance(std::min(loop.timers().next().value_or(end), end) - clock.mono());
        }
    }
    void TearDown() override {
        watch.stop();
        run(look_takes);
        EXPECT_EQ(tasks.size(), 0U);
    }

    runtime::ManualClock clock;
    runtime::Loop loop{clock};
    Commits commits{loop};
    Watch watch{commits, {.least = 1s, .most = 60s}};
    runtime::TaskGroup tasks{loop};
    std::chrono::nanoseconds look_takes{0};
    std::optional<Timestamp> due;
    int looks = 0;
};

TEST_F(CommitsTest, a_commit_ends_the_rest_at_once) {
    begin();
    run(10s);
    EXPECT_EQ(looks, 1);
    commits.ring();
    run(0s);
    EXPECT_EQ(looks, 2);
}

TEST_F(CommitsTest, many_commits_cause_one_look_in_the_least_time) {
    begin();
    for (int i = 0; i < 100; ++i) {
        commits.ring();
        run(25ms);
    }
    EXPECT_EQ(looks, 3);
    run(1s);
    EXPECT_EQ(looks, 4) << "the last commit came during a rest";
    run(30s);
    EXPECT_EQ(looks, 4);
}

TEST_F(CommitsTest, a_commit_while_it_looks_is_looked_at_afterwards) {
    look_takes = 5s;
    begin();
    run(1s);
    commits.ring();
    run(4s);
    EXPECT_EQ(looks, 2);
    run(20s);
    EXPECT_EQ(looks, 2);
}

TEST_F(CommitsTest, a_rest_ends_when_something_is_due_and_never_before) {
    due = clock.wall() + 7s;
    begin();
    run(7s - 1ns);
    EXPECT_EQ(looks, 1);
    run(2ms);
    EXPECT_EQ(looks, 2);
    due.reset();
    run(1s);
    EXPECT_EQ(looks, 3) << "late work is looked at again after the least time";
}

TEST_F(CommitsTest, nobody_rests_longer_than_the_longest_rest_though_the_clock_is_set_back) {
    due = clock.wall() + 30s;
    begin();
    clock.jump_wall(-1h);
    run(60s);
    EXPECT_EQ(looks, 1);
    run(1s);
    EXPECT_EQ(looks, 2);
    run(61s);
    EXPECT_EQ(looks, 3);
}

TEST_F(CommitsTest, a_rest_can_be_ended_by_hand_and_for_good) {
    begin();
    run(10s);
    watch.wake();
    run(0s);
    EXPECT_EQ(looks, 2);
    watch.wake();
    run(0s);
    EXPECT_EQ(looks, 2);
    run(1s);
    EXPECT_EQ(looks, 3);
    watch.stop();
    run(0s);
    EXPECT_EQ(tasks.size(), 0U);
}

/// Counts up to what another thread commits, and rests in between.
struct Reader {
    runtime::Task<> run() {
        while (seen < last) {
            watch.begin_look();
            seen = committed.load();
            if (seen < last) co_await watch.rest(std::nullopt);
        }
    }

    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    Commits commits{loop};
    Watch watch{commits, {.least = 0ms, .most = 1h}};
    std::atomic<int> committed{0};
    int seen = 0;
    static constexpr int last = 20'000;
};

TEST(CommitsFromAnotherThread, none_is_slept_through) {
    Reader reader;
    std::jthread writer{[&reader] {
        for (int i = 1; i <= Reader::last; ++i) {
            reader.committed.store(i);
            reader.commits.ring();
        }
    }};
    std::jthread loop{[&reader] { reader.loop.run(); }};
    runtime::wait_for(reader.loop, reader.run());
    EXPECT_EQ(reader.seen, Reader::last);
    reader.loop.stop();
}

}  // namespace
}  // namespace blotter::store
