#include "store/tables/delivery_list.hpp"

#include "store/tables/destinations.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

using enum DeliveryState;

class DeliveryLists : public TablesTest {
  protected:
    DeliveryLists() {
        for (const char* name : {"one", "two"})
            must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = name}));
    }
    std::int64_t destination(std::int64_t workspace_no) {
        return must(insert_destination(db(), {.id = next_id<DestinationId>(),
                                              .workspace_no = workspace_no,
                                              .kind = "webhook",
                                              .name = "d",
                                              .config = "{}"}));
    }
    NewDelivery fresh(std::int64_t event_seq, std::int64_t destination_no, std::int64_t workspace) {
        return {.no = number(event_seq, destination_no),
                .event_seq = event_seq,
                .destination_no = destination_no,
                .workspace_no = workspace,
                .created_at = from_ms(event_seq)};
    }
    std::int64_t waiting(std::int64_t event_seq, std::int64_t destination_no) {
        NewDelivery row = fresh(event_seq, destination_no, 1);
        row.next_at = from_ms(50);
        return must(insert_delivery(db(), row)).value();
    }
    std::int64_t held(std::int64_t event_seq, std::int64_t destination_no) {
        NewDelivery row = fresh(event_seq, destination_no, 1);
        row.state = DeliveryState::held;
        return must(insert_delivery(db(), row)).value();
    }
    std::int64_t done(std::int64_t event_seq, std::int64_t destination_no,
                      std::int64_t workspace_no = 1) {
        return record_first(fresh(event_seq, destination_no, workspace_no),
                            {.started_at = from_ms(event_seq)})
            .value();
    }
    std::vector<std::int64_t> listed(const DeliveryFilter& filter, PageOptions page = {}) {
        std::vector<std::int64_t> out;
        for (const DeliveryRow& row : must(list_deliveries(db(), filter, page)).rows)
            out.push_back(row.no);
        return out;
    }
    /// What a reader gets who asks page by page.
    std::vector<std::int64_t> by_pages(const DeliveryFilter& filter, PageOptions page) {
        std::vector<std::int64_t> out;
        for (int pages = 0; pages < 5'000; ++pages) {
            const auto found = must(list_deliveries(db(), filter, page));
            EXPECT_LE(found.rows.size(), page.limit);
            for (const DeliveryRow& row : found.rows) out.push_back(row.no);
            if (!found.next) return out;
            page.after = *found.next;
        }
        throw std::runtime_error("a list without an end");
    }
};

TEST_F(DeliveryLists, lists_take_the_narrowest_way_in) {
    const auto three = destination(1);
    const auto four = destination(1);
    const auto planned = [&](std::vector<std::int64_t> plan) {
        return insert_planned({.id = next_id<EventId>(), .workspace_no = 1, .plan = plan});
    };
    ASSERT_EQ(planned({three, four}), 1);
    planned({three});
    planned({four});
    const auto b = done(1, four);
    const auto a = done(1, three);
    const auto c = waiting(2, three);
    const auto d = held(3, four);
    const struct {
        DeliveryFilter filter;
        std::vector<std::int64_t> expected;
    } cases[] = {
        {{.workspace_no = 1}, {d, c, b, a}},
        {{.workspace_no = 1, .event_seq = 1}, {b, a}},
        {{.workspace_no = 1, .event_seq = 1, .destination_no = three}, {a}},
        {{.workspace_no = 1, .destination_no = three}, {c, a}},
        {{.workspace_no = 1, .state = delivered}, {b, a}},
        {{.workspace_no = 1, .state = DeliveryState::held}, {d}},
        {{.workspace_no = 1, .destination_no = three, .state = queued}, {c}},
        {{.workspace_no = 1, .destination_no = three, .state = delivered}, {a}},
        {{.workspace_no = 1, .from = from_ms(2), .until = from_ms(3)}, {c}},
        {{.workspace_no = 2}, {}},
        {{.workspace_no = 2, .event_seq = 1}, {}},
        {{.workspace_no = 2, .destination_no = three}, {}},
    };
    for (const auto& item : cases) {
        EXPECT_EQ(listed(item.filter), item.expected);
        auto reversed = item.expected;
        std::ranges::reverse(reversed);
        EXPECT_EQ(listed(item.filter, {.order = Order::oldest_first}), reversed);
    }
    EXPECT_EQ(listed({.workspace_no = 1}, {.after = c, .limit = 1}), std::vector{b});
    EXPECT_TRUE(plan_named("delivery_block.of_destination").contains("PRIMARY KEY"));
    EXPECT_TRUE(plan_named("delivery.rows_between").contains("PRIMARY KEY"));
    EXPECT_TRUE(plan_named("destination.numbers_of_workspace").contains("of_workspace"));
    EXPECT_TRUE(plan_named("delivery.others_listed").contains("delivery_by_event"));
    EXPECT_TRUE(plan_named("delivery.state_newest").contains("delivery_by_state"));
}

TEST_F(DeliveryLists, of_a_workspace_are_those_of_all_its_destinations_in_order) {
    // With few destinations each is looked up in a block of numbers, with many it is read whole.
    std::vector<std::int64_t> mine;
    std::vector<std::int64_t> others;
    std::vector<std::int64_t> of_one;
    int seq = 0;
    for (const int more : {0, 80}) {
        for (int i = 0; i < more; ++i) destination(1);
        std::vector<std::int64_t> destinations;
        for (int i = 0; i < 7; ++i) destinations.push_back(destination(i == 3 ? 2 : 1));
        // Unevenly: some destinations get a run of many, one gets a single one, one gets none.
        for (const int end = seq + 700; seq < end;) {
            const auto at = static_cast<std::size_t>(++seq % 700 == 17 ? 5 : seq / 40 % 5);
            const bool other = at == 3;
            (other ? others : mine).push_back(done(seq, destinations[at], other ? 2 : 1));
            if (more == 0 && at == 2) of_one.push_back(mine.back());
        }
        const std::int64_t one = 3;
        auto newest = mine;
        std::ranges::reverse(newest);
        for (const std::size_t limit : {1, 7, 1'000}) {
            EXPECT_EQ(by_pages({.workspace_no = 1}, {.limit = limit, .order = Order::oldest_first}),
                      mine);
            EXPECT_EQ(by_pages({.workspace_no = 1}, {.limit = limit}), newest);
            EXPECT_EQ(by_pages({.workspace_no = 1, .destination_no = one},
                               {.limit = limit, .order = Order::oldest_first}),
                      of_one);
        }
        EXPECT_EQ(by_pages({.workspace_no = 2}, {.limit = 9, .order = Order::oldest_first}),
                  others);
    }
    ASSERT_GT(mine.back(), 1'024) << "more than one block";
    EXPECT_EQ(by_pages({.workspace_no = 1, .from = from_ms(1'390)},
                       {.limit = 3, .order = Order::oldest_first}),
              (std::vector<std::int64_t>{mine.end() - 11, mine.end()}));
}

TEST_F(DeliveryLists, blocks_that_retention_emptied_do_no_harm) {
    const auto three = destination(1);
    must(db().execute(
        "INSERT INTO delivery (no, event_seq, destination_no, workspace_no, replay_no, "
        "state, attempts, created_ms) VALUES (100000, 1, " +
        std::to_string(three) + ", 1, 0, 5, 1, 0)"));
    const auto next = done(2, three);
    EXPECT_EQ(by_pages({.workspace_no = 1}, {.limit = 5}),
              (std::vector<std::int64_t>{next, 100'000}));
    EXPECT_EQ(by_pages({.workspace_no = 1, .destination_no = three},
                       {.after = 5, .limit = 1, .order = Order::oldest_first}),
              (std::vector<std::int64_t>{100'000, next}));
}

TEST_F(DeliveryLists, of_an_event_are_those_of_its_plan_and_then_what_was_sent_again) {
    std::vector<std::int64_t> plan;
    for (int i = 0; i < 150; ++i) plan.push_back(destination(1));
    insert_planned({.id = next_id<EventId>(), .workspace_no = 1, .plan = plan});
    std::vector<std::int64_t> expected;
    for (std::size_t i = 0; i < plan.size(); ++i)
        if (i % 7 != 0) expected.push_back(done(1, plan[i]));
    for (int replay = 1; replay <= 3; ++replay) {
        NewDelivery again = fresh(1, plan[5], 1);
        again.no = number(1'000 + replay, plan[5]);
        again.id = next_id<DeliveryId>();
        again.replay_no = replay;
        again.next_at = from_ms(50);
        expected.push_back(must(insert_delivery(db(), again)).value());
    }
    auto newest = expected;
    std::ranges::reverse(newest);
    for (const std::size_t limit : {1, 2, 64, 1'000}) {
        EXPECT_EQ(by_pages({.workspace_no = 1, .event_seq = 1}, {.limit = limit}), newest);
        EXPECT_EQ(by_pages({.workspace_no = 1, .event_seq = 1},
                           {.limit = limit, .order = Order::oldest_first}),
                  expected);
    }
    EXPECT_EQ(by_pages({.workspace_no = 1, .event_seq = 1, .state = queued}, {.limit = 2}),
              (std::vector<std::int64_t>{newest.begin(), newest.begin() + 3}));
    EXPECT_TRUE(listed({.workspace_no = 2, .event_seq = 1}).empty());
}

}  // namespace
}  // namespace blotter::store
