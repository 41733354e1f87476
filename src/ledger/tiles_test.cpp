#include "ledger/tiles.hpp"

#include <map>

#include <gtest/gtest.h>

namespace blotter::ledger {
namespace {

/// Keeps tiles as a store does: full ones for ever, partial ones for the sizes asked for.
class TileShelf : public TileReader {
  public:
    Result<Bytes> read_tile(const TileId& id) override {
        ++reads;
        const auto found = tiles.find(id);
        if (found == tiles.end()) return fail(Errc::not_found, "no " + tile_path(id));
        return found->second;
    }
    void keep(const std::vector<Tile>& more) {
        for (const Tile& tile : more) tiles[tile.id] = tile.bytes;
    }
    std::map<TileId, Bytes> tiles;
    int reads = 0;
};

Digest numbered(std::uint64_t n) {
    return leaf_hash(as_bytes(std::to_string(n)));
}

TEST(Tiles, paths_are_those_of_the_specification) {
    using enum TileKind;
    const std::vector<std::pair<TileId, std::string>> cases = {
        {{hashes, 0, 1'234'067, 256}, "tile/0/x001/x234/067"},
        {{hashes, 0, 0, 256}, "tile/0/000"},
        {{hashes, 1, 0, 1}, "tile/1/000.p/1"},
        {{hashes, 63, 999, 255}, "tile/63/999.p/255"},
        {{hashes, 2, 1'000, 256}, "tile/2/x001/000"},
        {{entries, 0, 273, 112}, "tile/entries/273.p/112"},
        {{entries, 0, 4'611'686'018'427'387'903U, 256},
         "tile/entries/x004/x611/x686/x018/x427/x387/903"}};
    for (const auto& [id, path] : cases) {
        EXPECT_EQ(tile_path(id), path);
        const auto parsed = parse_tile_path(path);
        ASSERT_TRUE(parsed) << path << ": " << parsed.error().detail;
        EXPECT_EQ(*parsed, id) << path;
    }
}

TEST(Tiles, paths_of_another_form_are_refused) {
    for (const auto* path : {"",
                             "tile",
                             "tile/",
                             "tile/0",
                             "tile/0/",
                             "tile/0/0",
                             "tile/0/00",
                             "tile/0/0000",
                             "tile/0/x000/001",
                             "tile/0/001/002",
                             "tile/0/x001",
                             "tile/0/x001/",
                             "tile/0/-01",
                             "tile/64/000",
                             "tile/00/000",
                             "tile/256/000",
                             "tile/-1/000",
                             "tile/a/000",
                             "tile/0/000.p/0",
                             "tile/0/000.p/256",
                             "tile/0/000.p/01",
                             "tile/0/000.p/",
                             "tile/0/000.p/1/",
                             "tile/0/000.p/1.p/1",
                             "tile/0/000 ",
                             "/tile/0/000",
                             "tile//0/000",
                             "tile/entries",
                             "tile/entries/00",
                             "tile/data/000",
                             "tile/0/../000",
                             "tile/0/000\n",
                             "tile/entries/x018/x446/x744/x073/x709/x551/616",
                             "tile/entries/x999/x999/x999/x999/x999/x999/x999/999"})
        EXPECT_FALSE(parse_tile_path(path)) << path;
}

TEST(Tiles, a_tree_of_70000_leaves_has_the_tiles_that_the_specification_names) {
    EXPECT_EQ(tile_count(0, 70'000), 274U);
    EXPECT_EQ(tile_at(0, 272, 70'000)->width, 256);
    EXPECT_EQ(tile_at(0, 273, 70'000)->width, 112);
    EXPECT_FALSE(tile_at(0, 274, 70'000));
    EXPECT_EQ(tile_count(1, 70'000), 2U);
    EXPECT_EQ(tile_at(1, 1, 70'000)->width, 17);
    EXPECT_EQ(tile_at(2, 0, 70'000)->width, 1);
    EXPECT_EQ(tile_count(3, 70'000), 0U);
    EXPECT_EQ(tile_count(63, log_entries_max), 0U);
    EXPECT_EQ(tile_at(0, 0, 256)->width, 256);
    EXPECT_EQ(tile_at(1, 0, 256)->width, 1);
    EXPECT_EQ(tile_count(0, 0), 0U);
}

TEST(Tiles, the_builder_makes_the_tiles_of_each_size_and_goes_on_from_stored_ones) {
    // 66,000 leaves reach level 2; the builder is thrown away and resumed at odd places.
    TileShelf shelf;
    TileBuilder builder;
    MerkleFrontier frontier;
    std::vector<Digest> leaves;
    constexpr std::uint64_t size_max = 66'000;
    for (std::uint64_t n = 0; n < size_max; ++n) {
        leaves.push_back(numbered(n));
        builder.append(leaves.back());
        frontier.append(leaves.back());
        if (n % 7'919 != 0 && n != 255 && n != 256 && n != 65'535 && n != 65'536) continue;
        shelf.keep(builder.take_completed());
        shelf.keep(builder.partial_tiles());
        EXPECT_EQ(builder.head(), frontier.head());
        auto resumed = TileBuilder::resume(n + 1, shelf);
        ASSERT_TRUE(resumed) << n << ": " << resumed.error().detail;
        EXPECT_EQ(resumed->partial_tiles(), builder.partial_tiles()) << n;
        builder = *std::move(resumed);
        EXPECT_EQ(builder.head(), frontier.head());
    }
    shelf.keep(builder.take_completed());
    shelf.keep(builder.partial_tiles());
    EXPECT_EQ(shelf.tiles.at({.level = 0, .index = 257, .width = 208}).size(), 208 * 32U);
    EXPECT_EQ(shelf.tiles.at({.level = 1, .index = 1, .width = 1}).size(), 32U);
    // A hash one level up is the root of the tile below it.
    EXPECT_EQ(hash_in_tile(shelf.tiles.at({.level = 1, .index = 0}), 3),
              tile_root(shelf.tiles.at({.level = 0, .index = 3})));
    EXPECT_EQ(hash_in_tile(shelf.tiles.at({.level = 2, .index = 0, .width = 1}), 0),
              tile_root(shelf.tiles.at({.level = 1, .index = 0})));

    TileHashReader reader{shelf, size_max};
    for (const std::uint64_t index : {0U, 255U, 256U, 40'000U, 65'535U, 65'536U, 65'999U}) {
        const auto proof = prove_inclusion(index, size_max, reader).value();
        EXPECT_TRUE(verify_inclusion(frontier.head(), index, leaves[index], proof)) << index;
    }
    for (const std::uint64_t old : {1U, 256U, 257U, 65'536U, 65'999U}) {
        MerkleFrontier before;
        for (std::uint64_t n = 0; n < old; ++n) before.append(leaves[n]);
        const auto proof = prove_consistency(old, size_max, reader).value();
        EXPECT_TRUE(verify_consistency(before.head(), frontier.head(), proof)) << old;
    }
}

TEST(Tiles, one_proof_reads_each_tile_once) {
    TileShelf shelf;
    TileBuilder builder;
    for (std::uint64_t n = 0; n < 66'000; ++n) builder.append(numbered(n));
    shelf.keep(builder.take_completed());
    shelf.keep(builder.partial_tiles());
    TileHashReader reader{shelf, 66'000};
    ASSERT_TRUE(prove_inclusion(5, 66'000, reader));
    // The leaf's tile, its parent, and the right edge: tile 257 of level 0 and tile 1 of level 1.
    EXPECT_EQ(shelf.reads, 4);
}

TEST(Tiles, a_damaged_or_missing_tile_is_an_error_and_not_a_hash) {
    TileShelf shelf;
    TileBuilder builder;
    for (std::uint64_t n = 0; n < 300; ++n) builder.append(numbered(n));
    shelf.keep(builder.take_completed());
    shelf.keep(builder.partial_tiles());
    shelf.tiles.at({.level = 0, .index = 1, .width = 44}).pop_back();
    TileHashReader reader{shelf, 300};
    EXPECT_EQ(prove_inclusion(299, 300, reader).error().code, Errc::corrupt);
    EXPECT_EQ(TileBuilder::resume(300, shelf).error().code, Errc::corrupt);
    shelf.tiles.erase({.level = 0, .index = 1, .width = 44});
    EXPECT_EQ(TileBuilder::resume(300, shelf).error().code, Errc::not_found);
    const NodeId outside{.level = 9, .index = 0};
    EXPECT_EQ(reader.read_hashes({&outside, 1}).error().code, Errc::invalid_argument);
}

TEST(Tiles, bundles_go_both_ways) {
    Bytes bundle;
    const Bytes longest(entry_bytes_max, 'x');
    ASSERT_TRUE(append_to_bundle(bundle, as_bytes("one")));
    ASSERT_TRUE(append_to_bundle(bundle, {}));
    ASSERT_TRUE(append_to_bundle(bundle, longest));
    EXPECT_EQ(append_to_bundle(bundle, Bytes(entry_bytes_max + 1)).error().code, Errc::too_large);
    std::vector<ByteView> entries;
    ASSERT_TRUE(split_bundle(bundle, 3, entries));
    EXPECT_EQ(as_text(entries[0]), "one");
    EXPECT_TRUE(entries[1].empty());
    EXPECT_EQ(entries[2].size(), entry_bytes_max);
}

TEST(Tiles, bundles_with_missing_extra_or_cut_entries_are_refused) {
    Bytes bundle;
    ASSERT_TRUE(append_to_bundle(bundle, as_bytes("one")));
    ASSERT_TRUE(append_to_bundle(bundle, as_bytes("two")));
    std::vector<ByteView> entries;
    EXPECT_FALSE(split_bundle(bundle, 3, entries));
    EXPECT_EQ(entries.size(), 2U);
    EXPECT_FALSE(split_bundle(bundle, 1, entries));
    for (std::size_t size = 0; size < bundle.size(); ++size)
        EXPECT_FALSE(split_bundle(ByteView{bundle}.first(size), 2, entries)) << size;
}

}  // namespace
}  // namespace blotter::ledger
