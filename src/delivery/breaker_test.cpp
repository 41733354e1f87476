#include "delivery/breaker.hpp"

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;
using Change = Breaker::Change;

constexpr std::uint32_t limit = 8;

/// One attempt that starts and ends at the same moment.
Change attempt(Breaker& breaker, OutcomeKind kind, std::chrono::nanoseconds at) {
    const std::uint32_t epoch = breaker.started(mono(at));
    return breaker.finished(epoch, kind, limit, mono(at));
}

/// A breaker that opened at `at`.
Breaker opened(std::chrono::nanoseconds at) {
    Breaker breaker;
    for (int i = 0; i < 5; ++i) attempt(breaker, OutcomeKind::unreachable, at);
    return breaker;
}

TEST(Breaker, opens_after_five_failures_to_connect_in_a_row) {
    Breaker breaker;
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(attempt(breaker, OutcomeKind::unreachable, 1s), Change::none);
    EXPECT_EQ(breaker.state(), State::closed);
    EXPECT_EQ(attempt(breaker, OutcomeKind::unreachable, 2s), Change::opened);
    EXPECT_EQ(breaker.state(), State::open);
    EXPECT_EQ(breaker.ready_at(mono(3s)), mono(62s));
    EXPECT_EQ(breaker.allowed(limit, mono(3s)), 0U);
}

TEST(Breaker, counts_the_row_anew_after_any_other_outcome) {
    Breaker breaker;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 4; ++i) attempt(breaker, OutcomeKind::unreachable, 1s);
        attempt(breaker, OutcomeKind::refused, 1s);
    }
    // 8 of 10 failed, so the next failure of any kind opens by the other rule.
    EXPECT_EQ(breaker.state(), State::closed);
    EXPECT_EQ(attempt(breaker, OutcomeKind::server_error, 1s), Change::opened);
}

TEST(Breaker, opens_at_half_of_ten_within_a_minute) {
    const struct {
        int successes;
        int failures;
        State expected;
    } cases[] = {{5, 5, State::open},   {6, 5, State::closed}, {4, 5, State::closed},
                 {0, 9, State::closed}, {0, 10, State::open},  {50, 49, State::closed},
                 {50, 50, State::open}};
    for (const auto& each : cases) {
        Breaker breaker;
        for (int i = 0; i < each.successes; ++i) attempt(breaker, OutcomeKind::success, 1s);
        for (int i = 0; i < each.failures; ++i) attempt(breaker, OutcomeKind::no_answer, 2s);
        EXPECT_EQ(breaker.state(), each.expected) << each.successes << "/" << each.failures;
    }
}

TEST(Breaker, forgets_what_is_older_than_a_minute) {
    Breaker breaker;
    for (int i = 0; i < 9; ++i) attempt(breaker, OutcomeKind::server_error, 5s);
    EXPECT_EQ(attempt(breaker, OutcomeKind::server_error, 66s), Change::none);
    EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, takes_refusals_and_throttling_as_signs_of_life) {
    Breaker breaker;
    for (int i = 0; i < 1'000; ++i) {
        attempt(breaker, OutcomeKind::refused, 1s);
        attempt(breaker, OutcomeKind::throttled, 1s);
        attempt(breaker, OutcomeKind::gone, 1s);
    }
    EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, lets_one_probe_through_each_minute) {
    Breaker breaker = opened(0s);
    EXPECT_EQ(breaker.allowed(limit, mono(59s)), 0U);
    EXPECT_EQ(breaker.allowed(limit, mono(60s)), 1U);
    const std::uint32_t probe = breaker.started(mono(60s));
    EXPECT_EQ(breaker.state(), State::half_open);
    EXPECT_EQ(breaker.allowed(limit, mono(61s)), 1U);
    EXPECT_EQ(breaker.finished(probe, OutcomeKind::overloaded, limit, mono(70s)), Change::none);
    EXPECT_EQ(breaker.state(), State::open);
    EXPECT_EQ(breaker.ready_at(mono(71s)), mono(130s));
}

TEST(Breaker, ramps_up_by_doubling_after_a_good_probe) {
    Breaker breaker = opened(0s);
    EXPECT_EQ(attempt(breaker, OutcomeKind::success, 60s), Change::none);
    EXPECT_EQ(breaker.state(), State::ramp);
    for (const std::uint32_t step : {1U, 2U, 4U, 8U}) {
        EXPECT_EQ(breaker.allowed(limit, mono(61s)), step);
        for (std::uint32_t i = 0; i + 1 < step; ++i)
            EXPECT_EQ(attempt(breaker, OutcomeKind::success, 61s), Change::none);
        EXPECT_EQ(attempt(breaker, OutcomeKind::success, 61s),
                  step == 8 ? Change::closed : Change::none);
    }
    EXPECT_EQ(breaker.state(), State::closed);
    EXPECT_EQ(breaker.allowed(limit, mono(61s)), limit);
}

TEST(Breaker, halves_on_a_failure_while_it_ramps_and_opens_at_one) {
    Breaker breaker = opened(0s);
    for (int i = 0; i < 4; ++i) attempt(breaker, OutcomeKind::success, 60s);  // probe, 1, 2
    EXPECT_EQ(breaker.allowed(limit, mono(60s)), 4U);
    EXPECT_EQ(attempt(breaker, OutcomeKind::server_error, 61s), Change::none);
    EXPECT_EQ(breaker.allowed(limit, mono(61s)), 2U);
    EXPECT_EQ(attempt(breaker, OutcomeKind::server_error, 61s), Change::none);
    EXPECT_EQ(breaker.allowed(limit, mono(61s)), 1U);
    EXPECT_EQ(attempt(breaker, OutcomeKind::server_error, 61s), Change::opened);
    EXPECT_EQ(breaker.ready_at(mono(61s)), mono(121s));
}

TEST(Breaker, ignores_outcomes_of_attempts_from_before_it_opened) {
    Breaker breaker;
    const std::uint32_t before = breaker.started(mono(0s));
    for (int i = 0; i < 5; ++i) attempt(breaker, OutcomeKind::unreachable, 1s);
    EXPECT_EQ(breaker.finished(before, OutcomeKind::success, limit, mono(2s)), Change::none);
    EXPECT_EQ(breaker.state(), State::open);
    const std::uint32_t probe = breaker.started(mono(61s));
    EXPECT_EQ(breaker.finished(before, OutcomeKind::success, limit, mono(62s)), Change::none);
    EXPECT_EQ(breaker.state(), State::half_open);
    breaker.finished(probe, OutcomeKind::success, limit, mono(62s));
    EXPECT_EQ(breaker.finished(before, OutcomeKind::no_answer, limit, mono(63s)), Change::none);
    EXPECT_EQ(breaker.state(), State::ramp);
}

TEST(Breaker, does_not_count_a_probe_that_was_never_sent) {
    Breaker breaker = opened(0s);
    EXPECT_EQ(attempt(breaker, OutcomeKind::not_sent, 60s), Change::none);
    EXPECT_EQ(breaker.state(), State::open);
    EXPECT_EQ(breaker.ready_at(mono(60s)), mono(60s));
    EXPECT_EQ(breaker.allowed(limit, mono(60s)), 1U);
}

}  // namespace
}  // namespace blotter::delivery
