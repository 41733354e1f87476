#include "observe/line_allowance.hpp"

#include <gtest/gtest.h>

namespace blotter::observe {
namespace {

TEST(LineAllowance, each_second_has_its_lines_and_the_rest_is_counted) {
    LineAllowance lines{2};
    EXPECT_TRUE(lines.take(from_ms(5'000)));
    EXPECT_TRUE(lines.take(from_ms(5'999)));
    EXPECT_EQ(lines.take_left_out(), 0U);
    EXPECT_FALSE(lines.take(from_ms(5'999)));
    EXPECT_FALSE(lines.take(from_ms(5'001)));
    EXPECT_TRUE(lines.take(from_ms(6'000)));
    EXPECT_EQ(lines.take_left_out(), 2U);
    EXPECT_EQ(lines.take_left_out(), 0U) << "said once";
}

TEST(LineAllowance, a_clock_that_is_set_back_stops_no_lines) {
    LineAllowance lines{1};
    EXPECT_TRUE(lines.take(from_ms(9'000)));
    EXPECT_FALSE(lines.take(from_ms(9'000)));
    EXPECT_TRUE(lines.take(from_ms(4'000)));
}

}  // namespace
}  // namespace blotter::observe
