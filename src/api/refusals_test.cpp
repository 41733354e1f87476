#include "api/refusals.hpp"

#include <gtest/gtest.h>

namespace blotter::api {
namespace {

using namespace std::chrono_literals;

TEST(Refusals, an_address_has_its_share_of_each_minute) {
    Refusals refusals{2};
    const MonoTime start{1h};
    EXPECT_TRUE(refusals.take("192.0.2.1", start));
    EXPECT_TRUE(refusals.take("192.0.2.1", start + 1s));
    EXPECT_FALSE(refusals.take("192.0.2.1", start + 59s));
    EXPECT_TRUE(refusals.take("192.0.2.2", start + 59s)) << "others have their own";
    EXPECT_TRUE(refusals.take("192.0.2.1", start + 60s));
    EXPECT_TRUE(refusals.take("192.0.2.1", start + 61s));
    EXPECT_FALSE(refusals.take("192.0.2.1", start + 62s));
}

TEST(Refusals, a_share_that_is_spent_is_seen_without_counting) {
    Refusals refusals{1};
    const MonoTime start{1h};
    EXPECT_FALSE(refusals.is_spent("192.0.2.1", start));
    EXPECT_TRUE(refusals.take("192.0.2.1", start));
    EXPECT_TRUE(refusals.is_spent("192.0.2.1", start + 59s));
    EXPECT_FALSE(refusals.is_spent("192.0.2.2", start + 59s));
    EXPECT_FALSE(refusals.is_spent("192.0.2.1", start + 60s));
}

TEST(Refusals, many_addresses_take_no_more_room_than_allowed) {
    Refusals refusals{1};
    const MonoTime now{1h};
    for (std::size_t i = 0; i < Refusals::addresses_max; ++i)
        EXPECT_TRUE(refusals.take(std::to_string(i), now));
    EXPECT_FALSE(refusals.take("0", now));
    EXPECT_TRUE(refusals.take("one more", now));
    EXPECT_TRUE(refusals.take("0", now)) << "it started anew";
}

}  // namespace
}  // namespace blotter::api
