#include "store/tables/slack.hpp"

#include "store/tables/events.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class Slack : public TablesTest {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        WorkspaceRow workspace;
        workspace.id = next_id<WorkspaceId>();
        workspace.name = "w";
        workspace_no = must(insert_workspace(db(), workspace));
    }

    SlackConnectionRow connection(std::string team = "T1") {
        SlackConnectionRow row;
        row.id = next_id<SlackConnectionId>();
        row.workspace_no = workspace_no;
        row.team_id = std::move(team);
        row.scopes = "chat:write,channels:read";
        row.sealed = Bytes{1, 2, 3};
        row.checked_at = row.created_at = row.updated_at = from_ms(5);
        return row;
    }

    SlackMessageRow message(std::int64_t event_seq, std::string form = "event") {
        SlackMessageRow row;
        row.id = next_id<SlackMessageId>();
        row.workspace_no = workspace_no;
        row.key = {1, "C1", event_seq, std::move(form)};
        row.destination_no = 7;
        row.run = 99;
        row.tries = 1;
        row.created_at = row.updated_at = from_ms(10);
        return row;
    }

    std::int64_t workspace_no = 0;
};

TEST_F(Slack, connecting_a_team_again_renews_its_row) {
    const SlackConnected first = must(put_slack_connection(db(), connection()));
    SlackConnectionRow again = connection();
    again.scopes = "chat:write";
    const SlackConnected second = must(put_slack_connection(db(), again));
    EXPECT_EQ(second.no, first.no);
    EXPECT_EQ(second.id, first.id);
    EXPECT_NE(must(put_slack_connection(db(), connection("T2"))).no, first.no);
    const auto row = must(find_slack_connection(db(), workspace_no, first.id));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->scopes, "chat:write");
    EXPECT_EQ(row->sealed, (Bytes{1, 2, 3}));
    EXPECT_FALSE(must(find_slack_connection(db(), workspace_no + 1, first.id)));
    EXPECT_EQ(must(list_slack_connections(db(), workspace_no, {})).rows.size(), 2U);
    EXPECT_EQ(must(list_slack_connections_in(db(), SlackState::connected, 0, 10)).rows.size(), 2U);
}

TEST_F(Slack, a_connection_that_ends_keeps_no_token) {
    const SlackConnected made = must(put_slack_connection(db(), connection()));
    auto row = *must(load_slack_connection(db(), made.no));
    row.state = SlackState::disconnected;
    row.sealed.reset();
    EXPECT_EQ(must(change_slack_connection(db(), row)), Applied::yes);
    EXPECT_FALSE(must(load_slack_connection(db(), made.no))->sealed);
}

TEST_F(Slack, a_grant_works_once) {
    SlackGrantRow grant;
    grant.state_hash = sha256("state");
    grant.workspace_no = workspace_no;
    grant.key_no = 3;
    grant.browser_hash = sha256("browser");
    grant.sealed = Bytes{9};
    grant.expires_at = from_ms(100);
    must(insert_slack_grant(db(), grant));
    EXPECT_FALSE(must(take_slack_grant(db(), sha256("another"))));
    EXPECT_TRUE(must(has_slack_grant(db(), grant.state_hash)));
    const auto taken = must(take_slack_grant(db(), grant.state_hash));
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->browser_hash, grant.browser_hash);
    EXPECT_EQ(taken->key_no, 3);
    EXPECT_FALSE(must(take_slack_grant(db(), grant.state_hash)));
    EXPECT_FALSE(must(has_slack_grant(db(), grant.state_hash)));
    must(insert_slack_grant(db(), grant));
    EXPECT_EQ(must(purge_slack_grants(db(), from_ms(100), 10)), 0);
    EXPECT_EQ(must(purge_slack_grants(db(), from_ms(101), 10)), 1);
}

TEST_F(Slack, a_message_has_one_row_per_connection_channel_event_and_form) {
    EXPECT_GT(must(insert_slack_message(db(), message(1))), 0);
    EXPECT_GT(must(insert_slack_message(db(), message(2))), 0);
    EXPECT_GT(must(insert_slack_message(db(), message(1, "summary"))), 0);
    must(db().savepoint());
    const auto twice = insert_slack_message(db(), message(1));
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Errc::conflict);
    db().rollback_to_savepoint();
}

TEST_F(Slack, a_message_changes_from_the_state_that_was_seen) {
    SlackMessageRow row = message(1);
    row.no = must(insert_slack_message(db(), row));
    row.state = SlackMessageState::sent;
    row.ts = "1.2";
    row.outcome = "sent";
    EXPECT_EQ(must(change_slack_message(db(), row, SlackMessageState::held)), Applied::no);
    EXPECT_EQ(must(change_slack_message(db(), row, SlackMessageState::sending)), Applied::yes);
    const auto found = must(find_slack_message(db(), row.key));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->ts, "1.2");
    EXPECT_EQ(found->run, 99);
    EXPECT_FALSE(must(find_slack_message(db(), workspace_no + 1, row.id)));
    EXPECT_TRUE(must(find_slack_message(db(), workspace_no, row.id)));
    EXPECT_EQ(must(load_slack_message(db(), row.no))->id, row.id);
    EXPECT_EQ(must(act_on_slack_message(db(), row.no, from_ms(20))), Applied::yes);
    EXPECT_EQ(must(act_on_slack_message(db(), row.no, from_ms(21))), Applied::no);
}

TEST_F(Slack, lists_find_what_is_held_and_what_is_to_be_sent) {
    SlackMessageRow held = message(1);
    held.state = SlackMessageState::held;
    must(insert_slack_message(db(), held));
    SlackMessageRow sent = message(2);
    sent.state = SlackMessageState::sent;
    must(insert_slack_message(db(), sent));
    SlackMessageRow summary = message(3, "summary");
    summary.state = SlackMessageState::open;
    must(insert_slack_message(db(), summary));
    EXPECT_EQ(must(list_slack_messages(db(), {workspace_no, {}}, {})).rows.size(), 3U);
    const auto only = must(list_slack_messages(db(), {workspace_no, SlackMessageState::held}, {}));
    ASSERT_EQ(only.rows.size(), 1U);
    EXPECT_EQ(only.rows[0].id, held.id);
    EXPECT_EQ(
        must(list_slack_messages(db(), {workspace_no, SlackMessageState::sent}, {})).rows.size(),
        1U);
    EXPECT_EQ(must(list_slack_messages(db(), {workspace_no, SlackMessageState::held},
                                       {.order = Order::oldest_first}))
                  .rows.size(),
              1U);
    EXPECT_TRUE(must(open_slack_summary(db(), 1, "C1")));
    EXPECT_FALSE(must(open_slack_summary(db(), 1, "C2")));
    EXPECT_EQ(must(list_slack_work(db(), SlackMessageState::open, 0, 10)).size(), 1U);
    EXPECT_EQ(must(list_slack_work(db(), SlackMessageState::waiting, 0, 10)).size(), 0U);
}

TEST_F(Slack, the_first_message_that_is_there_heads_the_thread_of_its_envelope) {
    EXPECT_FALSE(must(slack_thread_of(db(), 1, "C1", 4)));
    for (std::int64_t seq = 1; seq <= 3; ++seq) {
        SlackMessageRow row = message(seq);
        row.envelope_no = 4;
        row.state = seq == 1 ? SlackMessageState::failed : SlackMessageState::sent;
        row.ts = std::to_string(seq);
        must(insert_slack_message(db(), row));
    }
    EXPECT_EQ(must(slack_thread_of(db(), 1, "C1", 4)), "2");
    EXPECT_FALSE(must(slack_thread_of(db(), 1, "C2", 4)));
}

TEST_F(Slack, a_summary_and_a_digest_count_events_by_type) {
    for (std::int64_t n = 1; n <= 5; ++n) {
        NewEvent event;
        event.id = next_id<EventId>();
        event.workspace_no = workspace_no;
        event.type = n <= 3 ? EventType::envelope_sent : EventType::envelope_expired;
        event.accepted_at = from_ms(n * 1'000);
        event.leaf = n;
        const std::int64_t seq = must(insert_event(db(), event));
        SlackMessageRow row = message(seq);
        row.state = SlackMessageState::folded;
        row.batch_no = n == 5 ? 78 : 77;
        must(insert_slack_message(db(), row));
    }
    const auto folded = must(count_slack_folded(db(), 77));
    ASSERT_EQ(folded.size(), 2U);
    EXPECT_EQ(folded[0].count, 3);
    EXPECT_EQ(folded[1].count, 1);
    const auto latest = must(count_slack_events(db(), workspace_no, from_ms(3'000)));
    ASSERT_EQ(latest.size(), 2U);
    EXPECT_EQ(latest[0].count, 1);
    EXPECT_EQ(latest[1].count, 2);
}

TEST_F(Slack, messages_go_with_their_event_and_those_of_no_event_by_age) {
    const auto count = [&] {
        return must(list_slack_messages(db(), {workspace_no, {}}, {})).rows.size();
    };
    for (const std::int64_t ms : {10, 20}) {
        NewEvent event;
        event.id = next_id<EventId>();
        event.workspace_no = workspace_no;
        event.accepted_at = from_ms(ms);
        must(insert_slack_message(db(), message(must(insert_event(db(), event)))));
        must(advance_watermark(db(), ms / 10));
    }
    for (const std::int64_t ms : {10, 20}) {
        SlackMessageRow sample = message(0, "sample:" + std::to_string(ms));
        sample.created_at = from_ms(ms);
        must(insert_slack_message(db(), sample));
    }
    SlackMessageRow waiting = message(0, "digest:2026-05-26");
    waiting.state = SlackMessageState::waiting;
    waiting.created_at = from_ms(1);
    must(insert_slack_message(db(), waiting));
    EXPECT_EQ(must(purge_slack_messages(db(), from_ms(20), 10)), 1);
    EXPECT_EQ(count(), 4U) << "one sample went";
    EXPECT_EQ(must(delete_old_events(db(), {workspace_no, from_ms(20), 0, 10})).deleted, 1);
    EXPECT_EQ(count(), 3U) << "the first event's message went with it";
    EXPECT_FALSE(must(find_slack_message(db(), message(1).key)));
    EXPECT_TRUE(must(find_slack_message(db(), message(2).key)));
}

TEST(SlackMessageStates, have_names_that_are_read_back) {
    for (int state = 1; state <= 9; ++state) {
        const auto value = static_cast<SlackMessageState>(state);
        EXPECT_EQ(parse_slack_message_state(to_text(value)), value);
    }
    EXPECT_FALSE(parse_slack_message_state("gone"));
}

}  // namespace
}  // namespace blotter::store
