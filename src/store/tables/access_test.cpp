#include "store/tables/access.hpp"

#include "store/tables/keys.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class AccessTables : public TablesTest {
  protected:
    AccessTables() {
        mine = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "mine"}));
        other = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "other"}));
    }
    ApiKeyRow key(std::optional<std::int64_t> workspace_no) {
        ApiKeyRow row{.id = next_id<ApiKeyId>(),
                      .workspace_no = workspace_no,
                      .name = "key",
                      .role = 3,
                      .scopes = R"(["events:write"])",
                      .hash = Bytes(32, 7),
                      .created_at = from_ms(10),
                      .expires_at = from_ms(99)};
        row.no = must(insert_api_key(db(), row));
        return row;
    }
    std::int64_t mine = 0;
    std::int64_t other = 0;
};

TEST_F(AccessTables, a_key_is_found_by_anyone_to_authenticate_and_managed_by_its_workspace_only) {
    const ApiKeyRow in_mine = key(mine);
    const ApiKeyRow everywhere = key(std::nullopt);
    EXPECT_EQ(must(load_api_key(db(), in_mine.id))->hash, Bytes(32, 7));
    EXPECT_TRUE(must(find_api_key(db(), mine, in_mine.id)));
    EXPECT_FALSE(must(find_api_key(db(), other, in_mine.id)));
    EXPECT_FALSE(must(find_api_key(db(), std::nullopt, in_mine.id)));
    EXPECT_TRUE(must(find_api_key(db(), std::nullopt, everywhere.id)));
    EXPECT_FALSE(must(find_api_key(db(), mine, everywhere.id)));
    EXPECT_EQ(must(list_api_keys(db(), mine, {})).rows.size(), 1U);
    EXPECT_EQ(must(list_api_keys(db(), std::nullopt, {.order = Order::oldest_first})).rows.size(),
              1U);
}

TEST_F(AccessTables, a_key_is_revoked_once) {
    const ApiKeyRow row = key(mine);
    EXPECT_EQ(must(revoke_api_key(db(), row.no, from_ms(60))), Applied::yes);
    EXPECT_EQ(must(revoke_api_key(db(), row.no, from_ms(61))), Applied::no);
    const auto stored = must(load_api_key(db(), row.id));
    EXPECT_EQ(stored->revoked_at, from_ms(60));
    EXPECT_EQ(stored->expires_at, from_ms(99));
}

TEST_F(AccessTables, an_idempotency_key_has_one_owner_and_then_one_answer) {
    const IdempotencyKey key{mine, sha256("key")};
    const Digest request = sha256("request");
    EXPECT_FALSE(must(claim_idempotency(db(), key, request, from_ms(1))));
    auto second = must(claim_idempotency(db(), key, sha256("another"), from_ms(2)));
    ASSERT_TRUE(second);
    EXPECT_EQ(second->state, IdempotencyState::in_progress);
    EXPECT_EQ(second->request_hash, request);
    EXPECT_FALSE(must(claim_idempotency(db(), {other, key.key_hash}, request, from_ms(2))));

    EXPECT_EQ(must(finish_idempotency(db(), key,
                                      {.status = 201, .headers = "a: b", .body = as_bytes("{}")})),
              Applied::yes);
    second = must(claim_idempotency(db(), key, request, from_ms(3)));
    ASSERT_TRUE(second);
    EXPECT_EQ(second->state, IdempotencyState::done);
    EXPECT_EQ(second->status, 201);
    EXPECT_EQ(second->headers, "a: b");
    EXPECT_EQ(second->body, bytes_of("{}"));
    // What is answered stays answered.
    EXPECT_EQ(must(finish_idempotency(db(), key, {.status = 500})), Applied::no);
}

TEST_F(AccessTables, old_idempotency_keys_are_purged_oldest_first_in_chunks) {
    for (int i = 0; i < 5; ++i)
        must(claim_idempotency(db(), {mine, sha256(std::to_string(i))}, {}, from_ms(i)));
    EXPECT_EQ(must(purge_idempotency(db(), from_ms(4), 3)), 3);
    EXPECT_EQ(must(purge_idempotency(db(), from_ms(4), 3)), 1);
    EXPECT_TRUE(must(claim_idempotency(db(), {mine, sha256("4")}, {}, from_ms(9))));
}

TEST_F(AccessTables, data_keys_are_rewrapped_from_the_key_they_are_under) {
    DataKeyRow row{.id = {1, 2, 3},
                   .workspace_no = mine,
                   .kek_id = "k1",
                   .wrapped = bytes_of("wrapped"),
                   .commitment = bytes_of("c"),
                   .created_at = from_ms(1)};
    must(insert_data_key(db(), row));
    row.id = {9};
    row.created_at = from_ms(2);
    must(insert_data_key(db(), row));
    const auto list = must(list_data_keys(db(), mine));
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].id, DataKeyId{9});
    EXPECT_TRUE(must(list_data_keys(db(), other)).empty());

    const Bytes again = bytes_of("again");
    EXPECT_EQ(must(list_data_keys_not_under(db(), "k2", 10)).size(), 2U);
    EXPECT_EQ(must(rewrap_data_key(db(), row.id, {"k1", "k2", again})), Applied::yes);
    EXPECT_EQ(must(rewrap_data_key(db(), row.id, {"k1", "k2", again})), Applied::no);
    EXPECT_EQ(must(list_data_keys_not_under(db(), "k2", 10)).size(), 1U);
    EXPECT_EQ(must(list_data_keys(db(), mine))[0].wrapped, again);
}

TEST_F(AccessTables, a_destroyed_subject_key_is_zeros_and_cannot_come_back) {
    const Uuid subject = next_id<EnvelopeId>().value;
    SubjectKeyRow row{.subject = subject,
                      .workspace_no = mine,
                      .wrapped = bytes_of("wrapped key"),
                      .created_at = from_ms(1)};
    EXPECT_EQ(must(insert_subject_key(db(), row)), Applied::yes);
    EXPECT_EQ(must(insert_subject_key(db(), row)), Applied::no);
    EXPECT_FALSE(must(find_subject_key(db(), other, subject)));

    EXPECT_EQ(must(destroy_subject_key(db(), other, subject, from_ms(8))), Applied::no);
    EXPECT_EQ(must(destroy_subject_key(db(), mine, subject, from_ms(9))), Applied::yes);
    EXPECT_EQ(must(destroy_subject_key(db(), mine, subject, from_ms(10))), Applied::no);
    const auto stored = must(find_subject_key(db(), mine, subject));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->destroyed_at, from_ms(9));
    EXPECT_EQ(stored->wrapped, Bytes(row.wrapped.size(), 0));
    EXPECT_EQ(must(insert_subject_key(db(), row)), Applied::no);
}

}  // namespace
}  // namespace blotter::store
