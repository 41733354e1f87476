#include "store/tables/logs.hpp"

#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

class Logs : public TablesTest {};

TEST_F(Logs, a_workspace_and_the_installation_have_one_open_log_each) {
    EXPECT_FALSE(must(find_open_log(db(), std::nullopt)));
    const auto root = must(insert_log(db(), {.origin = "example/root"}));
    const auto first = must(insert_log(db(), {.workspace_no = 1, .origin = "example/ws"}));
    EXPECT_EQ(must(find_open_log(db(), std::nullopt))->no, root);
    EXPECT_EQ(must(find_open_log(db(), 1))->no, first);
    EXPECT_FALSE(must(find_open_log(db(), 2)));
    EXPECT_EQ(insert_log(db(), {.workspace_no = 2, .origin = "example/ws"}).error().code,
              Errc::conflict);

    const auto fork =
        must(insert_log(db(), {.workspace_no = 1, .origin = "example/ws-2", .forked_from = first}));
    EXPECT_EQ(must(close_log(db(), first, from_ms(9))), Applied::yes);
    EXPECT_EQ(must(close_log(db(), first, from_ms(10))), Applied::no);
    EXPECT_EQ(must(find_open_log(db(), 1))->no, fork);
    EXPECT_EQ(must(load_log(db(), first))->closed_at, from_ms(9));
    EXPECT_EQ(must(load_log(db(), fork))->forked_from, first);
    EXPECT_EQ(must(list_logs(db(), 0, 2)).rows.size(), 2U);
    EXPECT_EQ(must(list_logs(db(), *must(list_logs(db(), 0, 2)).next, 2)).rows.size(), 1U);
    EXPECT_TRUE(plan_named("log.open").contains("log_open"));
}

TEST_F(Logs, leaves_are_numbered_once_and_their_rows_read_in_order) {
    EXPECT_EQ(must(log_size(db(), 1)), 0);
    for (const LeafRow& row : {LeafRow{0, 1, bytes_of("a")}, LeafRow{1, 255, bytes_of("b")},
                               LeafRow{256, 40, bytes_of("c")}, LeafRow{296, 1, bytes_of("d")}})
        must(insert_leaves(db(), 1, row));
    must(insert_leaves(db(), 2, {0, 1, bytes_of("another log")}));
    EXPECT_EQ(insert_leaves(db(), 1, {296, 2, bytes_of("x")}).error().code, Errc::conflict);
    EXPECT_EQ(must(log_size(db(), 1)), 297);
    EXPECT_EQ(must(log_size(db(), 2)), 1);
    const auto rows_of = [&](std::int64_t first, std::size_t count) {
        std::string out;
        for (const LeafRow& row : must(list_leaf_rows(db(), {1, first, count})))
            out += std::to_string(row.first) + "+" + std::to_string(row.count) +
                   std::string{as_text(row.bytes)} + " ";
        return out;
    };
    EXPECT_EQ(rows_of(0, 1), "0+1a ");
    EXPECT_EQ(rows_of(1, 1), "1+255b ");
    EXPECT_EQ(rows_of(200, 56), "1+255b ");
    EXPECT_EQ(rows_of(200, 57), "1+255b 256+40c ");
    EXPECT_EQ(rows_of(256, 256), "256+40c 296+1d ");
    EXPECT_EQ(rows_of(0, 1'000), "0+1a 1+255b 256+40c 296+1d ");
    EXPECT_EQ(rows_of(512, 256), "");
    EXPECT_EQ(rows_of(-1, 256), "");
    EXPECT_EQ(rows_of((std::int64_t{1} << 36) - 1, 256), "");
    EXPECT_EQ(rows_of(std::int64_t{1} << 36, 256), "");
}

TEST_F(Logs, a_row_with_an_impossible_count_gives_the_log_no_impossible_size) {
    must(insert_leaves(db(), 1, {0, 1, bytes_of("a")}));
    for (const auto& [count, size] : {std::pair{"-5", 1}, {"0", 1}, {"9e18", 256}}) {
        must(db().execute(std::string{"UPDATE leaf SET count = CAST("} + count + " AS INTEGER)"));
        EXPECT_EQ(must(log_size(db(), 1)), size) << count;
    }
}

TEST_F(Logs, full_tiles_are_kept_whole) {
    const Bytes hashes(8'192, 0xab);
    EXPECT_EQ(must(count_tiles(db(), 1, 0)), 0);
    must(insert_tile(db(), {1, 0, 0}, hashes));
    must(insert_tile(db(), {1, 0, 1}, hashes));
    must(insert_tile(db(), {1, 1, 0}, hashes));
    EXPECT_EQ(insert_tile(db(), {1, 0, 1}, hashes).error().code, Errc::conflict);
    EXPECT_EQ(must(count_tiles(db(), 1, 0)), 2);
    EXPECT_EQ(must(load_tile(db(), {1, 0, 1})), hashes);
    EXPECT_FALSE(must(load_tile(db(), {2, 0, 1})));
}

TEST_F(Logs, checkpoints_are_found_by_what_they_cover) {
    for (const int size : {10, 20, 30})
        must(insert_checkpoint(db(), {.log_no = 1,
                                      .size = size,
                                      .root = sha256(std::to_string(size)),
                                      .note = "note\n",
                                      .signed_at = from_ms(size)}));
    EXPECT_EQ(insert_checkpoint(db(), {.log_no = 1, .size = 20}).error().code, Errc::conflict);
    EXPECT_EQ(must(last_checkpoint(db(), 1))->size, 30);
    EXPECT_FALSE(must(last_checkpoint(db(), 2)));
    const struct {
        std::int64_t tree;
        std::optional<std::int64_t> found;
    } cases[] = {{1, 10}, {10, 10}, {11, 20}, {30, 30}, {31, std::nullopt}};
    for (const auto& c : cases) {
        const auto row = must(checkpoint_covering(db(), 1, c.tree));
        EXPECT_EQ(row ? std::optional{row->size} : std::nullopt, c.found) << c.tree;
    }
    const auto page = must(list_checkpoints(db(), 1, 0, 2));
    ASSERT_EQ(page.rows.size(), 2U);
    EXPECT_EQ(page.rows[1].root, sha256("20"));
    EXPECT_EQ(page.next, 20);
}

}  // namespace
}  // namespace blotter::store
