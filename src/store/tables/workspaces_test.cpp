#include "store/tables/workspaces.hpp"

#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

class Workspaces : public TablesTest {
  protected:
    std::int64_t workspace(std::string name) {
        return must(insert_workspace(
            db(),
            {.id = next_id<WorkspaceId>(), .name = std::move(name), .created_at = from_ms(5)}));
    }
};

TEST_F(Workspaces, meta_values_are_kept_replaced_and_written_once) {
    EXPECT_FALSE(must(read_meta(db(), "a")));
    must(write_meta(db(), "a", as_bytes("one")));
    must(write_meta(db(), "a", as_bytes("two")));
    EXPECT_EQ(must(read_meta(db(), "a")), bytes_of("two"));
    EXPECT_EQ(must(write_meta_once(db(), "a", as_bytes("three"))), Applied::no);
    EXPECT_EQ(must(write_meta_once(db(), "b", as_bytes("four"))), Applied::yes);
    EXPECT_EQ(must(read_meta(db(), "a")), bytes_of("two"));
}

TEST_F(Workspaces, a_meta_number_only_grows) {
    EXPECT_EQ(must(read_meta_number(db(), "n")), 0);
    // 255 and 256 differ in more than one byte, and compare as bytes.
    for (const std::int64_t n : {1, 255, 256, 65'536})
        EXPECT_EQ(must(raise_meta_number(db(), "n", n)), Applied::yes);
    for (const std::int64_t n : {0, 255, 65'536})
        EXPECT_EQ(must(raise_meta_number(db(), "n", n)), Applied::no);
    EXPECT_EQ(must(read_meta_number(db(), "n")), 65'536);
}

TEST_F(Workspaces, a_damaged_meta_number_is_no_number) {
    must(write_meta(db(), "n", as_bytes("12")));
    EXPECT_EQ(read_meta_number(db(), "n").error().code, Errc::corrupt);
}

TEST_F(Workspaces, are_found_listed_and_changed) {
    std::vector<std::int64_t> numbers;
    for (const char* name : {"a", "b", "c"}) numbers.push_back(workspace(name));
    const auto second = must(load_workspace(db(), numbers[1]));
    ASSERT_TRUE(second);
    EXPECT_EQ(must(find_workspace(db(), second->id))->name, "b");
    EXPECT_FALSE(must(find_workspace(db(), next_id<WorkspaceId>())));

    auto page = must(list_workspaces(db(), {.limit = 2}));
    ASSERT_EQ(page.rows.size(), 2U);
    EXPECT_EQ(page.rows[0].name, "c");
    ASSERT_TRUE(page.next);
    page = must(list_workspaces(db(), {.after = *page.next, .limit = 2}));
    ASSERT_EQ(page.rows.size(), 1U);
    EXPECT_EQ(page.rows[0].name, "a");
    EXPECT_FALSE(page.next);
    page = must(list_workspaces(db(), {.order = Order::oldest_first}));
    EXPECT_EQ(page.rows.front().name, "a");

    WorkspaceRow changed = *second;
    changed.name = "z";
    changed.settings = R"({"x":1})";
    EXPECT_EQ(must(update_workspace(db(), changed)), Applied::yes);
    EXPECT_EQ(must(load_workspace(db(), changed.no))->settings, R"({"x":1})");
    changed.no = 999;
    EXPECT_EQ(must(update_workspace(db(), changed)), Applied::no);
}

TEST_F(Workspaces, numbers_are_not_given_twice) {
    const std::int64_t first = workspace("a");
    must(db().execute("DELETE FROM workspace"));
    EXPECT_GT(workspace("b"), first);
}

TEST_F(Workspaces, entities_belong_to_one_workspace) {
    const std::int64_t mine = workspace("mine");
    const std::int64_t other = workspace("other");
    EntityRow row{.id = next_id<EntityId>(),
                  .workspace_no = mine,
                  .reference = "F-2891",
                  .name = "Subsidiary",
                  .created_at = from_ms(7)};
    row.no = must(insert_entity(db(), row));
    EXPECT_EQ(must(find_entity(db(), mine, row.id))->name, "Subsidiary");
    EXPECT_FALSE(must(find_entity(db(), other, row.id)));
    EXPECT_EQ(must(load_entity(db(), row.no))->reference, "F-2891");

    EntityRow again = row;
    again.id = next_id<EntityId>();
    EXPECT_EQ(insert_entity(db(), again).error().code, Errc::conflict);
    again.workspace_no = other;
    must(insert_entity(db(), again));

    EXPECT_EQ(must(list_entities(db(), mine, {})).rows.size(), 1U);
    EXPECT_EQ(must(list_entities(db(), mine, {.order = Order::oldest_first})).rows.size(), 1U);
    row.name = "Renamed";
    EXPECT_EQ(must(update_entity(db(), row)), Applied::yes);
    EXPECT_EQ(must(load_entity(db(), row.no))->name, "Renamed");
    row.workspace_no = other;
    EXPECT_EQ(must(update_entity(db(), row)), Applied::no);
}

}  // namespace
}  // namespace blotter::store
