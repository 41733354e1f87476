#include "store/tables/packed.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace blotter::store {
namespace {

Bytes packed(std::vector<std::int64_t> numbers) {
    Bytes out;
    pack_numbers(numbers, out);
    return out;
}

TEST(Packed, small_numbers_take_one_byte) {
    EXPECT_EQ(packed({1, 2, 127}), (Bytes{1, 2, 127}));
    EXPECT_EQ(packed({128}), (Bytes{0x80, 0x01}));
    EXPECT_EQ(packed({}), Bytes{});
}

TEST(Packed, gives_back_what_went_in_and_in_that_order) {
    const std::vector<std::int64_t> numbers{
        7, 0, 3, 127, 128, 16'383, 16'384, 5'000'000'000, std::numeric_limits<std::int64_t>::max()};
    EXPECT_EQ(unpack_numbers(packed(numbers)).value(), numbers);
}

TEST(Packed, finds_a_number_without_unpacking) {
    const Bytes column = packed({5, 300, 70'000});
    for (const std::int64_t n : {5, 300, 70'000}) EXPECT_TRUE(packed_contains(column, n));
    for (const std::int64_t n : {0, 4, 44, 172, 69'999}) EXPECT_FALSE(packed_contains(column, n));
    EXPECT_FALSE(packed_contains({}, 0));
}

TEST(Packed, says_corrupt_for_what_it_cannot_have_written) {
    const std::vector<Bytes> damaged{
        {0x80},                                                        // cut off
        {5, 0xff},                                                     // cut off after a number
        {0x80, 0x00},                                                  // not the shortest form
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},  // more than 63 bits
        Bytes(packed_numbers_max + 1, 1),                              // too many
    };
    for (const Bytes& column : damaged) {
        const auto result = unpack_numbers(column);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Errc::corrupt);
    }
    EXPECT_FALSE(packed_contains(Bytes{0x85}, 5));
}

}  // namespace
}  // namespace blotter::store
