#include "delivery/throttle.hpp"

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

int take_all(Throttle& throttle, MonoTime now) {
    int taken = 0;
    while (throttle.ready_at(now) == now) {
        throttle.take(now);
        ++taken;
    }
    return taken;
}

TEST(Throttle, allows_a_burst_and_then_the_rate) {
    Throttle throttle{{.per_second_max = 10, .burst_max = 5}, mono(0s)};
    EXPECT_EQ(take_all(throttle, mono(0s)), 5);
    EXPECT_EQ(throttle.ready_at(mono(0s)), mono(100ms));
    EXPECT_EQ(take_all(throttle, mono(99'999'999ns)), 0);
    EXPECT_EQ(take_all(throttle, mono(100ms)), 1);
    EXPECT_EQ(take_all(throttle, mono(10min)), 5);
}

TEST(Throttle, takes_a_token_back_that_was_not_used_and_never_more_than_the_burst) {
    Throttle throttle{{.per_second_max = 1, .burst_max = 2}, mono(0s)};
    EXPECT_EQ(take_all(throttle, mono(0s)), 2);
    throttle.give_back(mono(0s));
    EXPECT_EQ(take_all(throttle, mono(0s)), 1);
    throttle.give_back(mono(10s));
    throttle.give_back(mono(10s));
    EXPECT_EQ(take_all(throttle, mono(10s)), 2);
}

TEST(Throttle, never_rounds) {
    // A third of a second has no whole number of nanoseconds, but 300,000 of them have.
    Throttle throttle{{.per_second_max = 3, .burst_max = 2}, mono(0s)};
    throttle.take(mono(0s));
    throttle.take(mono(0s));
    MonoTime now = mono(0s);
    for (int i = 0; i < 300'000; ++i) {
        now = throttle.ready_at(now);
        throttle.take(now);
    }
    EXPECT_EQ(now, mono(100'000s));
}

TEST(Throttle, never_exceeds_burst_plus_rate_in_any_window) {
    const std::uint64_t seed = 7;
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random{seed};
    for (int round = 0; round < 200; ++round) {
        const auto rate = static_cast<std::uint32_t>(1 + random.below(1'000));
        const auto burst = static_cast<std::uint32_t>(1 + random.below(50));
        Throttle throttle{{.per_second_max = rate, .burst_max = burst}, mono(0s)};
        std::int64_t taken = 0;
        MonoTime now = mono(0s);
        for (int step = 0; step < 500; ++step) {
            now += std::chrono::nanoseconds{random.below(50'000'000)};
            if (random.below(10) == 0) now = throttle.ready_at(now);
            taken += take_all(throttle, now);
            const __int128 allowed = static_cast<__int128>(now.time_since_epoch().count()) * rate +
                                     static_cast<__int128>(burst) * 1'000'000'000;
            ASSERT_LE(static_cast<__int128>(taken) * 1'000'000'000, allowed);
        }
    }
}

TEST(Throttle, halves_what_was_really_sent) {
    Throttle throttle{{.per_second_max = 1'000, .burst_max = 1'000}, mono(0s)};
    for (int i = 0; i < 40; ++i) throttle.take(mono(500ms));
    throttle.slow_down(mono(500ms), mono(600ms));
    EXPECT_EQ(throttle.rate_millihertz(mono(600ms)), 20'000U);
    throttle.slow_down(mono(700ms), mono(800ms));
    EXPECT_EQ(throttle.rate_millihertz(mono(800ms)), 10'000U);
}

TEST(Throttle, counts_refusals_of_attempts_already_under_way_once) {
    Throttle throttle{{.per_second_max = 100, .burst_max = 100}, mono(0s)};
    for (int i = 0; i < 100; ++i) throttle.take(mono(1s));
    for (int i = 0; i < 100; ++i) throttle.slow_down(mono(1s), mono(2s));
    EXPECT_EQ(throttle.rate_millihertz(mono(2s)), 50'000U);
}

TEST(Throttle, voids_what_was_saved_for_a_burst_when_slowed_down) {
    Throttle throttle{{.per_second_max = 100, .burst_max = 100}, mono(0s)};
    throttle.take(mono(0s));
    throttle.slow_down(mono(0s), mono(1s));
    EXPECT_EQ(take_all(throttle, mono(1s)), 1);
}

TEST(Throttle, goes_down_to_one_per_second_and_recovers_by_doubling) {
    Throttle throttle{{.per_second_max = 64, .burst_max = 1}, mono(0s)};
    for (int i = 0; i < 20; ++i) throttle.slow_down(mono(1s * i), mono(1s * i));
    EXPECT_EQ(throttle.rate_millihertz(mono(19s)), 1'000U);
    EXPECT_EQ(throttle.rate_millihertz(mono(48s)), 1'000U);
    EXPECT_EQ(throttle.rate_millihertz(mono(49s)), 2'000U);
    EXPECT_EQ(throttle.rate_millihertz(mono(79s)), 4'000U);
    EXPECT_EQ(throttle.rate_millihertz(mono(19s + 180s)), 64'000U);
    EXPECT_EQ(throttle.rate_millihertz(mono(10h)), 64'000U);
}

TEST(Throttle, counts_each_moment_at_the_rate_that_was_in_force) {
    Throttle throttle{{.per_second_max = 2, .burst_max = 1}, mono(0s)};
    throttle.take(mono(0s));
    throttle.slow_down(mono(0s), mono(0s));
    EXPECT_EQ(throttle.ready_at(mono(0s)), mono(1s));
    EXPECT_EQ(throttle.ready_at(mono(29'500ms)), mono(29'500ms));
    throttle.take(mono(29'500ms));
    // Half a token at 1/s until the rate doubles at 30 s, the other half at 2/s.
    EXPECT_EQ(throttle.ready_at(mono(29'500ms)), mono(30'250ms));
    EXPECT_GT(throttle.ready_at(mono(30'250ms - 1ns)), mono(30'250ms - 1ns));
    EXPECT_EQ(throttle.ready_at(mono(30'250ms)), mono(30'250ms));
}

TEST(Throttle, says_exactly_when_the_next_token_comes_while_it_recovers) {
    const std::uint64_t seed = 11;
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random{seed};
    for (int round = 0; round < 500; ++round) {
        Throttle throttle{
            {.per_second_max = static_cast<std::uint32_t>(1 + random.below(5)), .burst_max = 1},
            mono(0s)};
        MonoTime now = mono(0s);
        for (int i = 0; i < 5; ++i) {
            now += std::chrono::nanoseconds{random.below(3'000'000'000)};
            take_all(throttle, now);
            throttle.slow_down(now, now);
        }
        take_all(throttle, now);
        const MonoTime ready = throttle.ready_at(now);
        ASSERT_GT(ready, now);
        Throttle just_before = throttle;
        EXPECT_GT(just_before.ready_at(ready - 1ns), ready - 1ns);
        EXPECT_EQ(throttle.ready_at(ready), ready);
    }
}

TEST(Throttle, pauses_for_retry_after_but_not_for_ever) {
    Throttle throttle{{.per_second_max = 10, .burst_max = 10}, mono(0s)};
    throttle.pause(90s, mono(0s));
    EXPECT_EQ(throttle.ready_at(mono(1s)), mono(90s));
    throttle.pause(10s, mono(1s));
    EXPECT_EQ(throttle.ready_at(mono(1s)), mono(90s));
    throttle.pause(24h * 366, mono(2s));
    EXPECT_EQ(throttle.ready_at(mono(3s)), mono(2s + 10min));
    throttle.pause(-5s, mono(3s));
    EXPECT_EQ(throttle.ready_at(mono(3s)), mono(2s + 10min));
}

TEST(Throttle, keeps_what_it_learned_when_the_limits_change) {
    Throttle throttle{{.per_second_max = 100, .burst_max = 100}, mono(0s)};
    throttle.slow_down(mono(0s), mono(0s));
    throttle.configure({.per_second_max = 1'000, .burst_max = 10}, mono(1s));
    EXPECT_EQ(throttle.rate_millihertz(mono(1s)), 1'000U);
    EXPECT_EQ(throttle.rate_millihertz(mono(10h)), 1'000'000U);
    throttle.configure({.per_second_max = 0, .burst_max = 0}, mono(10h));
    EXPECT_EQ(throttle.rate_millihertz(mono(10h)), 1'000U);
    EXPECT_EQ(take_all(throttle, mono(11h)), 1);
}

}  // namespace
}  // namespace blotter::delivery
