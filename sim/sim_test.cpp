#include <set>

#include <gtest/gtest.h>

#include "campaign.hpp"

namespace blotter::sim {
namespace {

RunOptions seed(std::uint64_t number) {
    return {{number, 30, true}, Control::none, nullptr};
}

TEST(Simulation, a_seed_replays_byte_for_byte) {
    std::set<std::uint64_t> hashes;
    for (const std::uint64_t number : {11, 12, 13}) {
        const Outcome first = run_apart(seed(number));
        const Outcome second = run_apart(seed(number));
        EXPECT_GT(first.lines, 1'000U);
        EXPECT_EQ(first.hash, second.hash) << "seed " << number;
        EXPECT_EQ(first.lines, second.lines) << "seed " << number;
        hashes.insert(first.hash);
    }
    EXPECT_EQ(hashes.size(), 3U) << "different seeds are different runs";
}

TEST(Simulation, commits_that_are_not_synced_are_caught_losing_events) {
    std::uint64_t caught = 0;
    for (std::uint64_t number = 1; number <= 8; ++number) {
        RunOptions options = seed(number);
        options.control = Control::lost_syncs;
        caught += run_apart(options).good() ? 0 : 1;
    }
    EXPECT_GE(caught, 4U);
}

TEST(Simulation, without_faults_everything_is_kept_too) {
    RunOptions options = seed(21);
    options.plan.faults = false;
    const Outcome outcome = run_apart(options);
    EXPECT_TRUE(outcome.good()) << outcome.promise << ": " << outcome.what;
    EXPECT_EQ(outcome.ends, 0U);
    EXPECT_EQ(outcome.refused, 0U);
}

}  // namespace
}  // namespace blotter::sim
