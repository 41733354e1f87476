#include "delivery/schedule.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

TEST(Schedule, lets_retries_be_late_by_the_share_that_the_settings_say) {
    const std::vector<Duration> offsets{0min, 100min, 200min};
    for (const std::uint32_t percent : {0U, 1U, 10U, 50U}) {
        const Schedule schedule = Schedule::create(offsets, percent).value();
        EXPECT_EQ(schedule.jitter_percent(), percent);
        SeededRandom random{percent};
        Duration latest{};
        for (int i = 0; i < 2'000; ++i) {
            const auto due = next_due(schedule, {1, test_epoch, test_epoch, {}}, random);
            ASSERT_TRUE(due);
            latest = std::max(latest, *due - test_epoch - Duration{100min});
            ASSERT_GE(*due, test_epoch + 100min);
        }
        const Duration widest = std::min(Duration{1min} * percent, jitter_max);
        EXPECT_LE(latest, widest);
        EXPECT_GE(latest, widest * 9 / 10);
    }
}

TEST(Schedule, is_the_published_one_by_default) {
    const Schedule schedule = Schedule::standard();
    const std::vector<Duration> expected{0min,        5min,        35min, 2h + 35min,
                                         26h + 35min, 50h + 35min, 72h};
    ASSERT_EQ(schedule.attempts_max(), expected.size());
    for (std::uint32_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(schedule.offset_of(i + 1), expected[i]);
    EXPECT_EQ(schedule.window(), Duration{72h});
    EXPECT_EQ(schedule, Schedule::create(expected).value());
}

TEST(Schedule, reads_its_own_text) {
    const Schedule schedule = Schedule::standard();
    EXPECT_EQ(schedule.to_text(), "0s, 5m, 35m, 2h35m, 1d2h35m, 2d2h35m, 3d");
    EXPECT_EQ(Schedule::parse(schedule.to_text()).value(), schedule);
    EXPECT_EQ(Schedule::parse("0s,5m , 35m,2h35m,26h35m,50h35m,72h").value(), schedule);
    EXPECT_EQ(Schedule::parse("0s").value().attempts_max(), 1U);
}

TEST(Schedule, refuses_what_cannot_be_kept) {
    const struct {
        std::string_view text;
        std::string_view said;
    } cases[] = {
        {"", "not a duration"},
        {"0s,", "not a duration"},
        {"5m", "starts with 0s"},
        {"0s, 5m, 5m", "attempt 3"},
        {"0s, 10m, 5m", "attempt 3"},
        {"0s, 500ms", "at least 1s after"},
        {"0s, 31d", "attempt 2"},
        {"0s, 1s, 2s, 3s, 4s, 5s, 6s, 7s, 8s, 9s, 10s, 11s, 12s, 13s, 14s, 15s, 16s, 17s, 18s, "
         "19s, 20s",
         "1 to 20 attempts"},
        {"0s, -5m", "not a duration"},
        {"0s; 5m", "not a duration"},
    };
    for (const auto& each : cases) {
        const auto parsed = Schedule::parse(each.text);
        ASSERT_FALSE(parsed) << each.text;
        EXPECT_EQ(parsed.error().code, Errc::invalid_argument);
        EXPECT_TRUE(parsed.error().detail.contains(each.said)) << parsed.error().detail;
    }
    EXPECT_FALSE(Schedule::parse(std::string(100'000, ',')));
    EXPECT_FALSE(Schedule::create({}));
    const std::vector<Duration> negative{0s, -5s};
    EXPECT_FALSE(Schedule::create(negative));
    EXPECT_TRUE(Schedule::parse("0s, 30d"));
}

struct Planned {
    std::uint32_t attempts;
    Duration ended;  // after the first start
    std::optional<Duration> retry_after;
    std::optional<Duration> due;  // after the first start, without jitter
};

TEST(NextDue, counts_from_the_first_attempt_and_stays_in_the_window) {
    const Planned cases[] = {
        {1, 2s, {}, 5min},
        {1, 30s, {}, 5min},
        {2, 5min + 30s, {}, 35min},
        {3, 36min, {}, 155min},
        {4, 156min, {}, 26h + 35min},
        {5, 26h + 36min, {}, 50h + 35min},
        {6, 50h + 36min, {}, 72h},
        {7, 72h + 1s, {}, {}},
        // Retry-After: never earlier, at most two steps after the answer, never past the last.
        {1, 2s, 0s, 5min},
        {1, 2s, 4min, 5min},
        {1, 2s, 7min, 7min + 2s},
        {1, 2s, 1h, 10min + 2s},
        {1, 2s, 366 * 24h, 10min + 2s},
        {4, 156min, 30h, 156min + 30h},
        {5, 26h + 36min, 48h, 72h},
        {6, 50h + 36min, 1h, 72h},
        // Late, out of a long pause: half a step between attempts, then back on the schedule.
        {2, 160min, {}, 175min},
        {3, 175min, {}, 235min},
        {4, 235min, {}, 26h + 35min},
        {6, 71h, {}, 72h},
        // After the window there is nothing left.
        {2, 72h, {}, {}},
        {2, 100h, {}, {}},
    };
    for (const Planned& each : cases) {
        FixedRandom random{0};
        const auto due = next_due(Schedule::standard(),
                                  {.attempts_made = each.attempts,
                                   .first_started = test_epoch,
                                   .ended = test_epoch + each.ended,
                                   .retry_after = each.retry_after},
                                  random);
        ASSERT_EQ(due.has_value(), each.due.has_value()) << each.attempts;
        if (due) EXPECT_EQ(*due - test_epoch, *each.due) << each.attempts;
    }
}

TEST(NextDue, is_late_by_at_most_a_fifth_of_the_step_and_never_early) {
    const Schedule schedule = Schedule::standard();
    SeededRandom random{20};
    for (std::uint32_t attempt = 1; attempt < schedule.attempts_max(); ++attempt) {
        const Duration planned = schedule.offset_of(attempt + 1);
        const Duration step = schedule.step_after(attempt);
        Duration latest{0};
        for (int round = 0; round < 10'000; ++round) {
            const auto due = next_due(schedule,
                                      {.attempts_made = attempt,
                                       .first_started = test_epoch,
                                       .ended = test_epoch + schedule.offset_of(attempt) + 1s},
                                      random);
            ASSERT_TRUE(due);
            const Duration jitter = *due - test_epoch - planned;
            ASSERT_GE(jitter, Duration::zero());
            ASSERT_LE(jitter, std::min(step / 5, jitter_max));
            latest = std::max(latest, jitter);
        }
        const bool is_last = attempt + 1 == schedule.attempts_max();
        if (is_last) EXPECT_EQ(latest, Duration::zero());
        if (!is_last) EXPECT_GT(latest, std::min(step / 5, jitter_max) * 9 / 10);
    }
}

TEST(NextDue, ends_within_the_window_for_any_schedule_and_any_answers) {
    const std::uint64_t seed = 72;
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random{seed};
    for (int round = 0; round < 20'000; ++round) {
        std::vector<Duration> offsets{Duration{0}};
        while (offsets.size() < 1 + random.below(schedule_attempts_max))
            offsets.push_back(offsets.back() + Duration{1'000 + static_cast<std::int64_t>(
                                                                    random.below(86'400'000))});
        const Schedule schedule = Schedule::create(offsets).value();
        Timestamp now = test_epoch;
        Timestamp started = now;
        std::uint32_t attempts = 0;
        while (true) {
            attempts += 1;
            ASSERT_LE(attempts, schedule.attempts_max());
            ASSERT_GE(started, test_epoch + schedule.offset_of(attempts));
            ASSERT_LE(started, test_epoch + schedule.window() + 1h);
            now = started + Duration{static_cast<std::int64_t>(random.below(30'000))};
            std::optional<Duration> asked;
            if (random.below(2) == 0)
                asked = Duration{static_cast<std::int64_t>(random.below(400'000'000'000))};
            const auto due = next_due(schedule,
                                      {.attempts_made = attempts,
                                       .first_started = test_epoch,
                                       .ended = now,
                                       .retry_after = asked},
                                      random);
            if (!due) break;
            ASSERT_LE(*due, test_epoch + schedule.window());
            ASSERT_GT(*due, started);
            started = std::max(*due, now);
            // Sometimes the turn comes late.
            if (random.below(4) == 0)
                started += Duration{static_cast<std::int64_t>(random.below(3'600'000))};
        }
    }
}

}  // namespace
}  // namespace blotter::delivery
