#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/disk.hpp"
#include "runtime/entropy.hpp"
#include "runtime/offload.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"

namespace blotter::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Timers, fire_in_order_of_time_then_of_creation) {
    Timers timers;
    std::string order;
    timers.at(MonoTime{3s}, [&] { order += 'c'; });
    timers.at(MonoTime{1s}, [&] { order += 'a'; });
    const auto dropped = timers.at(MonoTime{2s}, [&] { order += 'x'; });
    timers.at(MonoTime{2s}, [&] { order += 'b'; });
    timers.cancel(dropped);
    timers.cancel(dropped);
    EXPECT_EQ(timers.size(), 3U);
    timers.fire(MonoTime{2s});
    EXPECT_EQ(order, "ab");
    timers.fire(MonoTime{9s});
    EXPECT_EQ(order, "abc");
    EXPECT_FALSE(timers.next());
}

TEST(Timers, a_reused_slot_is_not_cancelled_by_an_old_handle) {
    Timers timers;
    bool fired = false;
    const auto old = timers.at(MonoTime{1s}, [] {});
    timers.fire(MonoTime{1s});
    timers.at(MonoTime{2s}, [&] { fired = true; });
    timers.cancel(old);
    timers.fire(MonoTime{2s});
    EXPECT_TRUE(fired);
}

struct Fixture : testing::Test {
    ManualClock clock;
    Loop loop{clock};
    std::string log;

    Task<> sleeper(std::chrono::nanoseconds delay, std::string name) {
        co_await loop.sleep_for(delay);
        log += name;
    }
    Task<> waiter(Signal& signal, MonoTime deadline, std::string name) {
        co_await signal.wait_until(deadline);
        log += name;
    }
};

TEST_F(Fixture, what_is_posted_runs_in_order_also_when_it_posts_more) {
    loop.post([this] {
        log += 'a';
        loop.post([this] { log += 'd'; });
    });
    loop.post([this] { log += 'b'; });
    std::thread elsewhere{[this] { loop.post([this] { log += 'c'; }); }};
    elsewhere.join();
    EXPECT_EQ(log, "") << "never inside of post";
    loop.poll();
    EXPECT_EQ(log, "abcd");
    loop.post([this] { log += 'e'; });
    loop.poll();
    EXPECT_EQ(log, "abcde");
}

TEST_F(Fixture, what_was_posted_and_never_ran_goes_with_the_loop) {
    const auto held = std::make_shared<int>(1);
    {
        Loop short_lived{clock};
        short_lived.post([held] {});
    }
    EXPECT_EQ(held.use_count(), 1);
}

TEST_F(Fixture, tasks_sleep_on_the_injected_clock) {
    TaskGroup group{loop};
    group.spawn(sleeper(20s, "b"));
    group.spawn(sleeper(10s, "a"));
    loop.poll();
    EXPECT_EQ(log, "");
    clock.advance(10s);
    loop.poll();
    EXPECT_EQ(log, "a");
    clock.advance(10s);
    loop.poll();
    EXPECT_EQ(log, "ab");
    EXPECT_EQ(group.size(), 0U);
}

TEST_F(Fixture, a_signal_wakes_once_and_remembers_an_early_notification) {
    Signal signal{loop};
    TaskGroup group{loop};
    signal.notify();
    group.spawn(waiter(signal, MonoTime::max(), "early"));
    loop.poll();
    EXPECT_EQ(log, "early");
    group.spawn(waiter(signal, loop.now() + 5s, " timeout"));
    loop.poll();
    clock.advance(5s);
    loop.poll();
    EXPECT_EQ(log, "early timeout");
    group.spawn(waiter(signal, loop.now() + 5s, " woken"));
    loop.poll();
    signal.notify();
    loop.poll();
    EXPECT_EQ(log, "early timeout woken");
    EXPECT_EQ(loop.timers().size(), 0U);
}

Task<> fails() {
    throw std::runtime_error("mistake");
    co_return;
}

TEST_F(Fixture, a_throwing_task_ends_alone) {
    TaskGroup group{loop};
    int failures = 0;
    group.on_failure = [&](std::exception_ptr) { ++failures; };
    group.spawn(fails());
    group.spawn(sleeper(1s, "other"));
    loop.poll();
    clock.advance(1s);
    loop.poll();
    EXPECT_EQ(failures, 1);
    EXPECT_EQ(log, "other");
}

TEST(Loop, runs_on_the_machines_clock_and_takes_work_from_other_threads) {
    SystemClock clock;
    Loop loop{clock};
    ThreadOffload pool{2};
    TaskGroup group{loop};
    std::thread::id worker;
    const auto story = [](Loop& loop, ThreadOffload& pool, std::thread::id& worker) -> Task<> {
        worker = co_await offload(loop, pool, [] { return std::this_thread::get_id(); });
        co_await loop.sleep_for(1ms);
        loop.stop();
    };
    group.spawn(story(loop, pool, worker));
    loop.run();
    EXPECT_NE(worker, std::thread::id{});
    EXPECT_NE(worker, std::this_thread::get_id());
}

/// Keeps what it ran: a thread of the pool that comes to put it away late.
class LateOffload final : public Offload {
  public:
    void post(std::move_only_function<void()> work) override {
        work();
        ran.push_back(std::move(work));
    }
    std::vector<std::move_only_function<void()>> ran;
};

TEST(Offload, what_the_work_holds_is_gone_before_the_caller_goes_on) {
    ManualClock clock;
    LateOffload pool;
    Loop loop{clock};
    TaskGroup group{loop};
    auto held = std::make_shared<int>(7);
    std::string seen;
    const auto story = [](Loop& loop, Offload& pool, std::shared_ptr<int>& held,
                          std::string& seen) -> Task<> {
        const int got = co_await offload(loop, pool, [held] { return *held; });
        seen = std::to_string(got) + " held by " + std::to_string(held.use_count());
    };
    group.spawn(story(loop, pool, held, seen));
    loop.poll();
    EXPECT_EQ(seen, "7 held by 1");
    EXPECT_EQ(pool.ran.size(), 1U);
}

TEST(Entropy, seeded_sequences_repeat_and_system_sequences_do_not) {
    SeededEntropy a{7}, b{7}, c{8};
    EXPECT_EQ(a.next(), b.next());
    EXPECT_NE(a.next(), c.next());
    SystemEntropy s;
    EXPECT_NE(s.id<EventId>(from_ms(5)), s.id<EventId>(from_ms(5)));
}

TEST(Disk, replaces_files_whole_and_names_what_failed) {
    const auto root = std::filesystem::temp_directory_path() /
                      ("blotter-disk-" + to_hex(sha256(std::to_string(::getpid()))).substr(0, 12));
    const auto disk = make_system_disk();
    ASSERT_TRUE(disk->make_directories(root / "a" / "b"));
    ASSERT_TRUE(disk->replace(root / "a" / "f", "one"));
    ASSERT_TRUE(disk->replace(root / "a" / "f", "two"));
    EXPECT_EQ(disk->read_all(root / "a" / "f", 10).value(), "two");
    EXPECT_EQ(disk->read_all(root / "a" / "f", 2).error().code, Errc::too_large);
    EXPECT_EQ(disk->list(root / "a").value().size(), 2U);
    const auto missing = disk->open(root / "none");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_TRUE(missing.error().detail.contains("none"));
    EXPECT_GT(disk->free_bytes(root).value(), 0U);
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace blotter::runtime
