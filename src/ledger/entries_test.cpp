#include "ledger/entries.hpp"

#include <string>

#include <gtest/gtest.h>

#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

TEST(EntrySlice, one_entry_stands_as_it_is) {
    EntrySlice slice;
    EXPECT_TRUE(slice.is_empty());
    ASSERT_TRUE(slice.add(41, as_bytes("alone")));
    EXPECT_FALSE(slice.is_empty());
    const store::LeafRow row = slice.take();
    EXPECT_EQ(row.first, 41);
    EXPECT_EQ(row.count, 1);
    EXPECT_EQ(as_text(row.bytes), "alone");
    EXPECT_TRUE(slice.is_empty());
}

TEST(EntrySlice, several_are_a_bundle_that_ends_with_its_tile) {
    EntrySlice slice;
    for (std::uint64_t n = 250; n < 256; ++n) {
        EXPECT_FALSE(!slice.is_empty() && slice.is_full());
        ASSERT_TRUE(slice.add(n, as_bytes("entry " + std::to_string(n))));
    }
    EXPECT_TRUE(slice.is_full());
    const store::LeafRow row = slice.take();
    EXPECT_EQ(row.first, 250);
    EXPECT_EQ(row.count, 6);
    std::vector<ByteView> entries;
    ASSERT_TRUE(split_bundle(row.bytes, 6, entries));
    EXPECT_EQ(as_text(entries.back()), "entry 255");
    ASSERT_TRUE(slice.add(256, as_bytes("next")));
    EXPECT_EQ(slice.take().first, 256);
}

TEST(EntrySlice, an_entry_that_is_too_long_is_refused_and_leaves_the_others) {
    EntrySlice slice;
    ASSERT_TRUE(slice.add(0, as_bytes("one")));
    EXPECT_EQ(slice.add(1, Bytes(70'000)).error().code, Errc::too_large);
    ASSERT_TRUE(slice.add(1, as_bytes("two")));
    EXPECT_EQ(slice.take().count, 2);
}

}  // namespace
}  // namespace blotter::ledger
