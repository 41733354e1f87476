#include "store/tables/accounting.hpp"

#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class Accounting : public TablesTest {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        WorkspaceRow workspace;
        workspace.id = next_id<WorkspaceId>();
        workspace.name = "w";
        const auto workspace_no = must(insert_workspace(db(), workspace));
        for (const char* reference : {"a", "b"}) {
            EntityRow entity;
            entity.id = next_id<EntityId>();
            entity.workspace_no = workspace_no;
            entity.reference = reference;
            must(insert_entity(db(), entity));
        }
    }
    std::int64_t record(std::string type, std::string reference, std::int64_t entity_no = 1) {
        AccountingRecordRow row;
        row.workspace_no = 1;
        row.entity_no = entity_no;
        row.type = std::move(type);
        row.reference = std::move(reference);
        row.data = bytes_of("sealed");
        return must(insert_accounting_record(db(), row));
    }
    std::vector<std::string> listed(const AccountingRecordFilter& filter) {
        std::vector<std::string> out;
        for (const auto& row :
             must(list_accounting_records(db(), filter, {.order = Order::oldest_first})).rows)
            out.push_back(row.type + " " + row.reference);
        return out;
    }
};

TEST_F(Accounting, a_webhook_is_replaced_as_a_whole) {
    EXPECT_FALSE(must(load_accounting_webhook(db(), {1, 0})));
    AccountingWebhookRow row;
    row.key = {1, 2};
    row.custom = true;
    row.url = "https://a.example";
    row.api_key = bytes_of("sealed");
    must(put_accounting_webhook(db(), row));
    row.enabled = true;
    row.api_key.reset();
    must(put_accounting_webhook(db(), row));
    const auto stored = must(load_accounting_webhook(db(), {1, 2}));
    ASSERT_TRUE(stored);
    EXPECT_TRUE(stored->custom);
    EXPECT_TRUE(stored->enabled);
    EXPECT_FALSE(stored->retries);
    EXPECT_FALSE(stored->api_key);
    EXPECT_EQ(stored->url, "https://a.example");
    EXPECT_FALSE(must(load_accounting_webhook(db(), {1, 0})));
    EXPECT_FALSE(must(load_accounting_webhook(db(), {2, 2})));
}

TEST_F(Accounting, records_are_known_by_entity_type_and_reference) {
    const auto no = record("cost_center", "10");
    record("cost_center", "10", 2);
    record("project", "10");
    EXPECT_EQ(must(find_accounting_record(db(), {1, "cost_center", "10"}))->no, no);
    EXPECT_FALSE(must(find_accounting_record(db(), {1, "cost_center", "11"})));
    AccountingRecordRow row = *must(find_accounting_record(db(), {1, "cost_center", "10"}));
    row.active = false;
    EXPECT_EQ(must(update_accounting_record(db(), row)), Applied::yes);
    EXPECT_FALSE(must(find_accounting_record(db(), {1, "cost_center", "10"}))->active);
    EXPECT_TRUE(must(find_accounting_record(db(), {2, "cost_center", "10"}))->active);
    AccountingRecordRow twice;
    twice.workspace_no = 1;
    twice.entity_no = 1;
    twice.type = "project";
    twice.reference = "10";
    EXPECT_EQ(insert_accounting_record(db(), twice).error().code, Errc::conflict);
}

TEST_F(Accounting, records_are_listed_by_type_and_suppliers_apart) {
    record("supplier", "F-1");
    record("vat_code", "20");
    record("project", "P");
    record("project", "Q", 2);
    using Texts = std::vector<std::string>;
    EXPECT_EQ(listed({1, 1, "supplier"}), Texts{"supplier F-1"});
    EXPECT_EQ(listed({1, 1, ""}), (Texts{"vat_code 20", "project P"}));
    EXPECT_EQ(listed({1, 2, "project"}), Texts{"project Q"});
    EXPECT_EQ(listed({2, 1, ""}), Texts{});
    EXPECT_EQ(must(count_accounting_records(db(), 1, 10)).n, 3);
}

}  // namespace
}  // namespace blotter::store
