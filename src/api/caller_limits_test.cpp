#include "api/caller_limits.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace blotter::api {
namespace {

using namespace std::chrono_literals;

const ApiKeyId key = *ApiKeyId::parse("key_01J9ZC3M4N0000000000000001");
const ApiKeyId other = *ApiKeyId::parse("key_01J9ZC3M4N0000000000000002");

TEST(RequestRates, a_key_has_its_burst_and_then_its_rate) {
    RequestRates rates{{.per_second_max = 5, .burst_max = 2}};
    const MonoTime start{1h};
    EXPECT_TRUE(rates.take(key, start));
    EXPECT_TRUE(rates.take(key, start));
    EXPECT_FALSE(rates.take(key, start + 199ms));
    EXPECT_TRUE(rates.take(other, start + 199ms)) << "others have their own";
    EXPECT_TRUE(rates.take(key, start + 200ms));
    EXPECT_FALSE(rates.take(key, start + 200ms));
}

TEST(RequestRates, a_loop_whose_clock_was_read_earlier_gains_nothing) {
    RequestRates rates{{.per_second_max = 1, .burst_max = 1}};
    const MonoTime start{1h};
    EXPECT_TRUE(rates.take(key, start + 10ms));
    EXPECT_FALSE(rates.take(key, start));
    EXPECT_FALSE(rates.take(key, start + 1s));
    EXPECT_TRUE(rates.take(key, start + 1s + 10ms));
}

TEST(RequestRates, loops_share_what_a_key_may_send) {
    RequestRates rates{{.per_second_max = 1, .burst_max = 100}};
    std::atomic<int> taken = 0;
    {
        std::vector<std::jthread> loops;
        for (int i = 0; i < 4; ++i)
            loops.emplace_back([&] {
                for (int n = 0; n < 1'000; ++n) taken += rates.take(key, MonoTime{1h}) ? 1 : 0;
            });
    }
    EXPECT_EQ(taken, 100);
}

}  // namespace
}  // namespace blotter::api
