#include "store/tables/alerts.hpp"

#include "store/tables/replays.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

class Alerts : public TablesTest {
  protected:
    RaisedAlert raise(std::string_view subject, int ms) {
        return must(raise_alert(db(), {.id = next_id<AlertId>(),
                                       .workspace_no = 1,
                                       .kind = "delivery_failed",
                                       .subject = subject,
                                       .detail = R"({"n":1})",
                                       .at = from_ms(ms)}));
    }
    AlertRow only(std::optional<AlertState> state = {}) {
        auto page = must(list_alerts(db(), {1, state}, {}));
        EXPECT_EQ(page.rows.size(), 1U);
        return page.rows.at(0);
    }
};

TEST_F(Alerts, the_same_cause_folds_while_it_is_not_resolved) {
    const RaisedAlert first = raise("dst_1", 10);
    EXPECT_EQ(first.count, 1);
    const RaisedAlert second = raise("dst_1", 20);
    EXPECT_EQ(second.no, first.no);
    EXPECT_EQ(second.count, 2);
    EXPECT_EQ(raise("dst_2", 20).count, 1);
    EXPECT_EQ(must(list_alerts(db(), {1, {}}, {.order = Order::oldest_first})).rows.size(), 2U);

    const AlertRow row =
        must(list_alerts(db(), {1, AlertState::open}, {.order = Order::oldest_first})).rows[0];
    EXPECT_EQ(row.first_at, from_ms(10));
    EXPECT_EQ(row.last_at, from_ms(20));
    EXPECT_EQ(must(acknowledge_alert(db(), {1, row.id, "key_1", from_ms(30)})), Applied::yes);
    EXPECT_EQ(raise("dst_1", 40).count, 3);
    EXPECT_EQ(must(find_alert(db(), 1, row.id))->state, AlertState::acknowledged);
    EXPECT_EQ(must(resolve_alert(db(), {1, row.id, "key_1", from_ms(50)})), Applied::yes);
    const RaisedAlert anew = raise("dst_1", 60);
    EXPECT_NE(anew.no, first.no);
    EXPECT_EQ(anew.count, 1);
}

TEST_F(Alerts, say_no_more_of_what_was_erased) {
    for (const char* named : {"doc_a", "doc_b"})
        must(raise_alert(db(), {.id = next_id<AlertId>(),
                                .workspace_no = 1,
                                .kind = "document_not_posted",
                                .subject = named,
                                .detail = R"({"document_id":")" + std::string{named} + R"("})"}));
    must(erase_alerts(db(), {2, "document_not_posted", "doc_a"}));
    must(erase_alerts(db(), {1, "delivery_failed", "doc_a"}));
    must(erase_alerts(db(), {1, "document_not_posted", "doc"}));
    const auto details = [this] {
        std::vector<std::string> out;
        for (const AlertRow& row : must(list_alerts(db(), {1, {}}, {})).rows)
            out.push_back(row.detail);
        return out;
    };
    EXPECT_EQ(details(), (std::vector<std::string>{R"({"document_id":"doc_b"})",
                                                   R"({"document_id":"doc_a"})"}));
    must(erase_alerts(db(), {1, "document_not_posted", "doc_a"}));
    EXPECT_EQ(details(),
              (std::vector<std::string>{R"({"document_id":"doc_b"})", R"({"erased":true})"}));
}

TEST_F(Alerts, go_forward_only_and_within_their_workspace) {
    raise("dst_1", 10);
    const AlertId id = only().id;
    EXPECT_FALSE(must(find_alert(db(), 2, id)));
    EXPECT_EQ(must(acknowledge_alert(db(), {2, id, "x", {}})), Applied::no);
    EXPECT_EQ(must(resolve_alert(db(), {2, id, "x", {}})), Applied::no);
    EXPECT_EQ(must(acknowledge_alert(db(), {1, id, "a", from_ms(1)})), Applied::yes);
    EXPECT_EQ(must(acknowledge_alert(db(), {1, id, "b", from_ms(2)})), Applied::no);
    EXPECT_EQ(must(resolve_alert_of(db(), {1, "delivery_failed", "dst_1"}, "blotter", from_ms(3))),
              Applied::yes);
    EXPECT_EQ(must(resolve_alert(db(), {1, id, "c", from_ms(4)})), Applied::no);
    const AlertRow row = only(AlertState::resolved);
    EXPECT_EQ(row.acknowledged_by, "a");
    EXPECT_EQ(row.resolved_by, "blotter");
    EXPECT_EQ(row.resolved_at, from_ms(3));
    EXPECT_EQ(must(purge_alerts(db(), from_ms(3), 10)), 0);
    EXPECT_EQ(must(purge_alerts(db(), from_ms(4), 10)), 1);
}

TEST_F(Alerts, a_quarantined_event_is_decided_once) {
    QuarantineRow row{.id = next_id<QuarantineId>(),
                      .workspace_no = 1,
                      .received_at = from_ms(1),
                      .reason = "montant_ht is negative",
                      .payload = bytes_of("sealed")};
    must(insert_quarantine(db(), row));
    EXPECT_FALSE(must(find_quarantine(db(), 2, row.id)));
    EXPECT_EQ(must(list_quarantine(db(), 1, {}, {})).rows.size(), 1U);
    EXPECT_EQ(must(list_quarantine(db(), 1, QuarantineState::waiting, {})).rows.size(), 1U);
    const auto state = QuarantineState::released;
    EXPECT_EQ(must(decide_quarantine(db(), {2, row.id, state, "x", {}})), Applied::no);
    EXPECT_EQ(must(decide_quarantine(db(), {1, row.id, state, "a", from_ms(5)})), Applied::yes);
    EXPECT_EQ(must(decide_quarantine(db(), {1, row.id, QuarantineState::rejected, "b", {}})),
              Applied::no);
    const auto stored = must(find_quarantine(db(), 1, row.id));
    EXPECT_EQ(stored->state, state);
    EXPECT_EQ(stored->decided_by, "a");
    EXPECT_EQ(stored->payload, bytes_of("sealed"));
    const PageOptions oldest{.order = Order::oldest_first};
    EXPECT_TRUE(must(list_quarantine(db(), 1, QuarantineState::waiting, oldest)).rows.empty());
    EXPECT_EQ(must(list_quarantine(db(), 1, {}, oldest)).rows.size(), 1U);
}

TEST_F(Alerts, a_replay_goes_on_from_where_it_stood) {
    ReplayRow row{.id = next_id<ReplayId>(),
                  .workspace_no = 1,
                  .destination_no = 4,
                  .filter = R"({"type":"envelope.completed"})",
                  .created_at = from_ms(1),
                  .created_by = "key_1",
                  .total = 30};
    row.no = must(insert_replay(db(), row));
    EXPECT_FALSE(must(find_replay(db(), 2, row.id)));
    EXPECT_EQ(must(list_running_replays(db(), 10)).size(), 1U);
    EXPECT_EQ(must(advance_replay(db(), {row.no, 0, 500, 20})), Applied::yes);
    EXPECT_EQ(must(advance_replay(db(), {row.no, 0, 500, 20})), Applied::no);
    EXPECT_EQ(must(advance_replay(db(), {row.no, 500, 900, 10, ReplayState::done})), Applied::yes);
    EXPECT_EQ(must(cancel_replay(db(), 1, row.id)), Applied::no);
    const auto stored = must(find_replay(db(), 1, row.id));
    EXPECT_EQ(stored->done, 30);
    EXPECT_EQ(stored->position, 900);
    EXPECT_EQ(stored->state, ReplayState::done);
    EXPECT_TRUE(must(list_running_replays(db(), 10)).empty());

    row.id = next_id<ReplayId>();
    row.no = must(insert_replay(db(), row));
    EXPECT_EQ(must(cancel_replay(db(), 2, row.id)), Applied::no);
    EXPECT_EQ(must(cancel_replay(db(), 1, row.id)), Applied::yes);
    EXPECT_EQ(must(advance_replay(db(), {row.no, 0, 1, 1})), Applied::no);
    EXPECT_EQ(must(list_replays(db(), 1, {})).rows.size(), 2U);
    EXPECT_EQ(must(list_replays(db(), 1, {.order = Order::oldest_first})).rows[0].done, 30);
}

}  // namespace
}  // namespace blotter::store
