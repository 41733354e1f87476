#include "store/tables/destinations.hpp"

#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class Destinations : public TablesTest {
  protected:
    Destinations() {
        mine = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "mine"}));
        other = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "other"}));
    }
    DestinationRow destination(std::int64_t workspace_no) {
        DestinationRow row{.id = next_id<DestinationId>(),
                           .workspace_no = workspace_no,
                           .kind = "webhook",
                           .name = "receiver",
                           .config = R"({"url":"https://example.com"})",
                           .created_at = from_ms(1),
                           .updated_at = from_ms(1)};
        row.no = must(insert_destination(db(), row));
        return row;
    }
    std::int64_t secret(std::int64_t destination_no, std::string purpose,
                        std::optional<Timestamp> expires_at = {}) {
        return must(insert_destination_secret(db(), {.destination_no = destination_no,
                                                     .purpose = std::move(purpose),
                                                     .sealed = bytes_of("sealed"),
                                                     .created_at = from_ms(1),
                                                     .expires_at = expires_at}));
    }
    std::int64_t mine = 0;
    std::int64_t other = 0;
};

TEST_F(Destinations, are_reached_through_their_workspace_only) {
    const DestinationRow row = destination(mine);
    EXPECT_EQ(must(find_destination(db(), mine, row.id))->config, row.config);
    EXPECT_FALSE(must(find_destination(db(), other, row.id)));
    EXPECT_EQ(must(list_destinations(db(), mine, {})).rows.size(), 1U);
    EXPECT_EQ(must(list_destinations(db(), other, {.order = Order::oldest_first})).rows.size(), 0U);
}

TEST_F(Destinations, an_update_needs_the_version_that_was_read) {
    DestinationRow row = destination(mine);
    row.name = "first";
    EXPECT_EQ(must(update_destination(db(), row)), Applied::yes);
    row.name = "second, from the same reading";
    EXPECT_EQ(must(update_destination(db(), row)), Applied::no);
    const auto stored = must(load_destination(db(), row.no));
    EXPECT_EQ(stored->name, "first");
    EXPECT_EQ(stored->version, 2);
}

TEST_F(Destinations, a_change_of_state_counts_once) {
    const DestinationRow row = destination(mine);
    const DestinationStateChange change{row.no, DestinationState::disabled, "410", from_ms(9)};
    EXPECT_EQ(must(set_destination_state(db(), change)), Applied::yes);
    EXPECT_EQ(must(set_destination_state(db(), change)), Applied::no);
    const auto stored = must(load_destination(db(), row.no));
    EXPECT_EQ(stored->state, DestinationState::disabled);
    EXPECT_EQ(stored->state_reason, "410");
    EXPECT_EQ(stored->version, 2);
}

TEST_F(Destinations, a_deleted_one_is_gone_for_everybody_but_the_program) {
    const DestinationRow row = destination(mine);
    const DestinationRow stays = destination(mine);
    secret(row.no, "signing");
    EXPECT_EQ(must(delete_destination(db(), row.no, from_ms(5))), Applied::yes);
    EXPECT_EQ(must(delete_destination(db(), row.no, from_ms(6))), Applied::no);
    EXPECT_FALSE(must(find_destination(db(), mine, row.id)));
    EXPECT_EQ(must(load_destination(db(), row.no))->deleted_at, from_ms(5));
    EXPECT_TRUE(must(list_destination_secrets(db(), row.no, from_ms(1))).empty());
    const auto all = must(list_all_destinations(db(), 0, 10));
    ASSERT_EQ(all.rows.size(), 1U);
    EXPECT_EQ(all.rows[0].no, stays.no);
    EXPECT_EQ(must(update_destination(db(), row)), Applied::no);
    EXPECT_EQ(must(set_destination_state(db(), {row.no, DestinationState::paused, "", {}})),
              Applied::no);
}

TEST_F(Destinations, all_are_walked_page_by_page) {
    for (int i = 0; i < 5; ++i) destination(i % 2 == 0 ? mine : other);
    std::size_t seen = 0;
    std::int64_t after = 0;
    for (;;) {
        const auto page = must(list_all_destinations(db(), after, 2));
        seen += page.rows.size();
        if (!page.next) break;
        after = *page.next;
    }
    EXPECT_EQ(seen, 5U);
}

TEST_F(Destinations, secrets_overlap_and_then_expire) {
    const std::int64_t no = destination(mine).no;
    const std::int64_t older = secret(no, "signing");
    const std::int64_t bearer = secret(no, "bearer");
    const std::int64_t newer = secret(no, "signing");
    must(expire_destination_secrets(db(), {no, "signing", newer, from_ms(100)}));
    auto list = must(list_destination_secrets(db(), no, from_ms(99)));
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0].no, newer);
    EXPECT_EQ(list[2].no, older);
    EXPECT_EQ(list[2].expires_at, from_ms(100));
    EXPECT_EQ(must(list_destination_secrets(db(), no, from_ms(100))).size(), 2U);
    // A later rotation never makes an end later.
    must(expire_destination_secrets(db(), {no, "signing", newer, from_ms(500)}));
    EXPECT_EQ(must(list_destination_secrets(db(), no, from_ms(100))).size(), 2U);
    EXPECT_EQ(must(purge_destination_secrets(db(), from_ms(101), 10)), 1);
    EXPECT_EQ(must(delete_destination_secret(db(), bearer)), Applied::yes);
    EXPECT_EQ(must(list_destination_secrets(db(), no, from_ms(101))).size(), 1U);
}

}  // namespace
}  // namespace blotter::store
