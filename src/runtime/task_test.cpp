#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "runtime/loop.hpp"
#include "runtime/start.hpp"
#include "runtime/wait_for.hpp"

namespace blotter::runtime {
namespace {

using namespace std::chrono_literals;

/// Writes down that it went.
struct Mark {
    Mark(std::string& l, char n) : log(l), name(n) {}
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    ~Mark() { log += name; }
    std::string& log;
    char name;
};

struct TaskTest : testing::Test {
    ManualClock clock;
    std::unique_ptr<Loop> loop = std::make_unique<Loop>(clock);
    std::string log;

    Task<> sleeps() {
        const Mark mark{log, 'i'};
        co_await loop->sleep_for(1s);
        log += '!';
    }
    Task<int> waits_for_a_sleeper() {
        const Mark mark{log, 'o'};
        co_await sleeps();
        co_return 7;
    }
    Task<> outermost() {
        const Mark mark{log, 'b'};
        log += std::to_string(co_await waits_for_a_sleeper());
    }
};

Task<std::unique_ptr<int>> makes(int number) {
    co_return std::make_unique<int>(number);
}

Task<int> adds(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += *co_await makes(1);
    co_return sum;
}

Task<int> throws() {
    throw std::runtime_error{"thrown inside"};
    co_return 0;
}

TEST_F(TaskTest, gives_values_and_needs_no_stack_for_a_long_row_of_them) {
    int sum = 0;
    start(loop->executor(), [](int& out) -> Task<> { out = co_await adds(200'000); }(sum));
    loop->poll();
    EXPECT_EQ(sum, 200'000);
}

TEST_F(TaskTest, runs_at_once_on_its_loop_and_soon_from_elsewhere) {
    const auto say = [](std::string& out, char what) -> Task<> {
        out += what;
        co_return;
    };
    start(loop->executor(), say(log, 'b'));
    log += 'a';
    loop->poll();
    loop->post([&] {
        start(loop->executor(), say(log, 'c'));
        log += 'd';
    });
    loop->poll();
    EXPECT_EQ(log, "abcd");
}

TEST_F(TaskTest, what_it_throws_reaches_who_awaits_it_and_at_last_who_started_it) {
    const auto catches = [](std::string& out) -> Task<> {
        try {
            co_await throws();
        } catch (const std::runtime_error& e) {
            out = e.what();
        }
        co_await throws();
    };
    std::exception_ptr failure;
    start(loop->executor(), catches(log), [&](const std::exception_ptr& f) { failure = f; });
    loop->poll();
    EXPECT_EQ(log, "thrown inside");
    EXPECT_THROW(std::rethrow_exception(failure), std::runtime_error);
}

TEST_F(TaskTest, everything_in_it_is_gone_when_its_end_is_told) {
    start(loop->executor(), outermost(), [&](const std::exception_ptr&) { log += '.'; });
    loop->poll();
    EXPECT_EQ(log, "");
    clock.advance(1s);
    loop->poll();
    EXPECT_EQ(log, "!io7b.");
}

TEST_F(TaskTest, ends_from_the_inside_out_when_what_it_waits_for_never_comes) {
    start(loop->executor(), outermost(), [&](const std::exception_ptr&) { log += '.'; });
    loop->poll();
    loop.reset();
    EXPECT_EQ(log, "iob");
}

TEST_F(TaskTest, that_never_ran_holds_nothing_after_it) {
    const auto held = std::make_shared<int>(1);
    const auto holds = [](std::shared_ptr<int>) -> Task<> { co_return; };
    start(loop->executor(), holds(held));
    {
        const Task<> dropped = holds(held);
    }
    EXPECT_EQ(held.use_count(), 2);
    loop.reset();
    EXPECT_EQ(held.use_count(), 1);
}

/// An operation that ends inside of its own start, or is dropped there.
Task<std::string> asks(bool answers) {
    co_return co_await boost::asio::async_initiate<const UseTask, void(std::string)>(
        [](auto handler, bool wanted) {
            if (wanted) std::move(handler)("answer");
        },
        use_task, answers);
}

TEST_F(TaskTest, bears_an_operation_that_ends_or_is_dropped_while_it_starts) {
    const auto asker = [](std::string& out, bool answers) -> Task<> {
        const Mark mark{out, '.'};
        out += co_await asks(answers);
    };
    start(loop->executor(), asker(log, true));
    start(loop->executor(), asker(log, false));
    loop->poll();
    EXPECT_EQ(log, "answer..");
}

Task<std::thread::id> where() {
    co_return std::this_thread::get_id();
}

Task<> travel(Loop& there, std::thread::id expected) {
    const auto home = std::this_thread::get_id();
    EXPECT_EQ(co_await run_on(there.executor(), where()), expected);
    EXPECT_EQ(std::this_thread::get_id(), home);
    co_await run_on(there.executor(), throws());
}

/// Two loops, each on a thread of its own.
struct RunOn : testing::Test {
    void TearDown() override {
        here.stop();
        there.stop();
        one.join();
        other.join();
    }
    SystemClock clock;
    Loop here{clock};
    Loop there{clock};
    std::thread one{[this] { here.run(); }};
    std::thread other{[this] { there.run(); }};
};

TEST_F(RunOn, goes_to_the_other_loop_and_comes_back_with_what_it_gave_or_threw) {
    EXPECT_THROW(wait_for(here, travel(there, other.get_id())), std::runtime_error);
}

/// Goes slowly, and says whether the one who waits went on meanwhile.
struct SlowToGo {
    SlowToGo(std::atomic<bool>& w, bool& s) : went_on(&w), seen(&s) {}
    SlowToGo(SlowToGo&& other) noexcept
        : went_on(std::exchange(other.went_on, nullptr)), seen(other.seen) {}
    SlowToGo& operator=(SlowToGo&&) = delete;
    ~SlowToGo() {
        for (int ms = 0; went_on != nullptr && !*seen && ms < 100; ++ms) {
            std::this_thread::sleep_for(1ms);
            *seen = *went_on;
        }
    }
    std::atomic<bool>* went_on;
    bool* seen;
};

TEST_F(RunOn, what_the_task_holds_is_gone_before_the_caller_goes_on) {
    std::atomic<bool> went_on{false};
    bool seen = false;
    const auto holder = [](SlowToGo) -> Task<> { co_return; };
    const auto caller = [&](Executor far) -> Task<> {
        co_await run_on(far, holder(SlowToGo{went_on, seen}));
        went_on = true;
    };
    wait_for(here, caller(there.executor()));
    EXPECT_FALSE(seen);
}

}  // namespace
}  // namespace blotter::runtime
