#include "store/tables/files.hpp"

#include "store/tables/deliveries.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class Files : public TablesTest {
  protected:
    Files() {
        mine = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "mine"}));
        other = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "other"}));
    }
    FileId file(std::int64_t workspace_no, std::string_view content) {
        const Digest digest = sha256(content);
        must(insert_blob(db(), digest, static_cast<std::int64_t>(content.size()), from_ms(10)));
        FileRow row{.id = next_id<FileId>(),
                    .workspace_no = workspace_no,
                    .sha256 = digest,
                    .bytes = static_cast<std::int64_t>(content.size()),
                    .media_type = "application/pdf",
                    .name = bytes_of("sealed name"),
                    .created_at = from_ms(10)};
        must(insert_file(db(), row));
        return row.id;
    }
    std::int64_t mine = 0;
    std::int64_t other = 0;
};

TEST_F(Files, the_same_bytes_are_one_blob) {
    EXPECT_EQ(must(insert_blob(db(), sha256("a"), 1, from_ms(1))), Applied::yes);
    EXPECT_EQ(must(insert_blob(db(), sha256("a"), 1, from_ms(2))), Applied::no);
    EXPECT_EQ(must(load_blob(db(), sha256("a"))), 1);
    EXPECT_FALSE(must(load_blob(db(), sha256("b"))));
}

TEST_F(Files, a_file_is_reached_through_its_workspace_only) {
    const FileId id = file(mine, "pdf");
    const auto row = must(find_file(db(), mine, id));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->sha256, sha256("pdf"));
    EXPECT_EQ(row->name, bytes_of("sealed name"));
    EXPECT_FALSE(must(find_file(db(), other, id)));
    EXPECT_EQ(must(delete_file(db(), other, id)), Applied::no);
    EXPECT_EQ(must(delete_file(db(), mine, id)), Applied::yes);
}

TEST_F(Files, a_blob_goes_when_no_file_names_it_and_not_before) {
    const FileId a = file(mine, "shared");
    const FileId b = file(other, "shared");
    EXPECT_EQ(must(delete_unused_blob(db(), sha256("shared"))), Applied::no);
    must(delete_file(db(), mine, a));
    EXPECT_TRUE(must(list_unused_blobs(db(), from_ms(99), {}, 10)).rows.empty());
    must(delete_file(db(), other, b));
    EXPECT_TRUE(must(list_unused_blobs(db(), from_ms(10), {}, 10)).rows.empty());
    EXPECT_EQ(must(list_unused_blobs(db(), from_ms(11), {}, 10)).rows.size(), 1U);
    EXPECT_EQ(must(delete_unused_blob(db(), sha256("shared"))), Applied::yes);
}

TEST_F(Files, unused_blobs_are_walked_in_slices) {
    for (int i = 0; i < 7; ++i) must(insert_blob(db(), sha256(std::to_string(i)), 1, from_ms(1)));
    file(mine, "3");
    std::size_t found = 0;
    std::optional<Digest> after;
    do {
        const UnusedBlobs slice = must(list_unused_blobs(db(), from_ms(9), after, 2));
        found += slice.rows.size();
        after = slice.next;
    } while (after);
    EXPECT_EQ(found, 6U);
}

TEST_F(Files, every_access_is_listed_by_event_and_by_file) {
    const FileId id = file(mine, "x");
    for (int i = 0; i < 3; ++i)
        must(insert_file_access(db(), {.at = from_ms(i),
                                       .file_id = id,
                                       .event_seq = i < 2 ? std::optional{7} : std::nullopt,
                                       .destination_no = 4,
                                       .remote = "192.0.2.9",
                                       .status = 200}));
    EXPECT_EQ(must(list_file_access_of_event(db(), 7, {})).rows.size(), 2U);
    EXPECT_EQ(must(list_file_access_of_event(db(), 7, {.order = Order::oldest_first})).rows[0].at,
              from_ms(0));
    EXPECT_EQ(must(list_file_access_of_file(db(), id, {})).rows[0].at, from_ms(2));
    EXPECT_EQ(must(list_file_access_of_file(db(), id, {.order = Order::oldest_first})).rows.size(),
              3U);
    EXPECT_EQ(must(purge_file_access(db(), from_ms(2), 1)), 1);
    EXPECT_EQ(must(purge_file_access(db(), from_ms(2), 10)), 1);
    EXPECT_EQ(must(list_file_access_of_file(db(), id, {})).rows.size(), 1U);
}

TEST_F(Files, a_link_lives_from_the_latest_start_that_is_known) {
    const std::vector<std::int64_t> plan{3, 4};
    const std::int64_t seq =
        insert_planned({.id = next_id<EventId>(), .workspace_no = 1, .plan = plan});
    EXPECT_FALSE(must(load_link_start(db(), seq, 4)));
    must(renew_link(db(), seq, 4, from_ms(100)));
    must(renew_link(db(), seq, 4, from_ms(90)));
    EXPECT_EQ(must(load_link_start(db(), seq, 4)), from_ms(100));
    EXPECT_FALSE(must(load_link_start(db(), seq, 5)));
    NewDelivery row{.no = number(seq, 4), .event_seq = seq, .destination_no = 4, .workspace_no = 1};
    must(record_first_attempt(db(), row, {.started_at = from_ms(300)}));
    EXPECT_EQ(must(load_link_start(db(), seq, 4)), from_ms(300));
    row.no = number(0, 4);
    row.id = next_id<DeliveryId>();
    row.replay_no = 2;
    row.next_at = from_ms(400);
    const std::int64_t again = must(insert_delivery(db(), row)).value();
    must(record_attempt(db(), again, {.started_at = from_ms(500)}));
    EXPECT_EQ(must(load_link_start(db(), seq, 4)), from_ms(500)) << "of what was sent again";
}

}  // namespace
}  // namespace blotter::store
