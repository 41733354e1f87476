#include "store/tables/envelopes.hpp"

#include "store/tables/envelope_ids.hpp"
#include "store/tables/events.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

class Envelopes : public TablesTest {
  protected:
    EnvelopeRow envelope(EnvelopeRow row = {}) {
        row.id = next_id<EnvelopeId>();
        if (row.workspace_no == 0) row.workspace_no = 1;
        row.document = bytes_of("sealed");
        row.no = must(insert_envelope(db(), row));
        return row;
    }
};

TEST_F(Envelopes, are_reached_through_their_workspace_only) {
    const EnvelopeRow row = envelope({.entity_no = 3, .expires_at = from_ms(50)});
    const auto stored = must(find_envelope(db(), 1, row.id));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->document, bytes_of("sealed"));
    EXPECT_EQ(stored->entity_no, 3);
    EXPECT_EQ(stored->expires_at, from_ms(50));
    EXPECT_FALSE(stored->completed_at);
    EXPECT_FALSE(must(find_envelope(db(), 2, row.id)));
    EXPECT_FALSE(must(find_envelope_no(db(), 2, row.id)));
    EXPECT_EQ(must(find_envelope_no(db(), 1, row.id)), row.no);
    EXPECT_EQ(must(load_envelope(db(), row.no))->id, row.id);
    EXPECT_EQ(must(load_envelope_id(db(), row.no)), row.id);
    EXPECT_FALSE(must(load_envelope_id(db(), row.no + 1)));
}

TEST_F(Envelopes, an_update_needs_the_version_that_was_read) {
    EnvelopeRow row = envelope();
    row.state = EnvelopeState::sent;
    EXPECT_EQ(must(update_envelope(db(), row)), Applied::yes);
    row.state = EnvelopeState::voided;
    EXPECT_EQ(must(update_envelope(db(), row)), Applied::no);
    row.version = 2;
    EXPECT_EQ(must(update_envelope(db(), row)), Applied::yes);
    const auto stored = must(load_envelope(db(), row.no));
    EXPECT_EQ(stored->state, EnvelopeState::voided);
    EXPECT_EQ(stored->version, 3);
}

TEST_F(Envelopes, lists_filter_by_state_and_entity) {
    const auto a = envelope({.entity_no = 1, .state = EnvelopeState::sent}).no;
    const auto b = envelope({.entity_no = 1, .state = EnvelopeState::draft}).no;
    const auto c = envelope({.entity_no = 2, .state = EnvelopeState::sent}).no;
    envelope({.workspace_no = 2, .entity_no = 1, .state = EnvelopeState::sent});
    const auto sent = EnvelopeState::sent;
    const struct {
        EnvelopeFilter filter;
        std::vector<std::int64_t> expected;
    } cases[] = {
        {{.workspace_no = 1}, {c, b, a}},
        {{.workspace_no = 1, .state = sent}, {c, a}},
        {{.workspace_no = 1, .entity_no = 1}, {b, a}},
        {{.workspace_no = 1, .state = sent, .entity_no = 1}, {a}},
        {{.workspace_no = 3}, {}},
    };
    for (const auto& item : cases)
        expect_both_ways(db(), list_envelopes, item.filter, item.expected);
    EXPECT_TRUE(plan_named("envelope.state_newest").contains("envelope_by_state"));
    EXPECT_TRUE(plan_named("envelope.entity_newest").contains("envelope_by_entity"));
    EXPECT_TRUE(plan_named("envelope.newest").contains("envelope_by_workspace"));
}

TEST_F(Envelopes, completed_ones_are_walked_in_the_order_of_completion) {
    std::vector<std::int64_t> numbers;
    // Two share a millisecond; numbers and completion are in opposite order.
    for (const int ms : {400, 300, 300, 100})
        numbers.push_back(
            envelope({.state = EnvelopeState::completed, .completed_at = from_ms(ms)}).no);
    envelope({.state = EnvelopeState::sent});
    envelope({.workspace_no = 2, .completed_at = from_ms(200)});
    CompletedFilter filter{.workspace_no = 1, .since = from_ms(300)};
    std::vector<std::int64_t> seen;
    for (;;) {
        const auto page = must(list_completed_envelopes(db(), filter, 1));
        for (const EnvelopeRow& row : page.rows) seen.push_back(row.no);
        if (!page.next) break;
        filter.after = page.next;
    }
    EXPECT_EQ(seen, (std::vector{numbers[1], numbers[2], numbers[0]}));
    EXPECT_EQ(must(list_completed_envelopes(db(), {.workspace_no = 1}, 10)).rows.size(), 4U);
    EXPECT_TRUE(
        must(list_completed_envelopes(db(), {.workspace_no = 1, .entity_no = 8}, 10)).rows.empty());
    EXPECT_TRUE(plan_named("envelope.completed").contains("envelope_by_completion"));
}

TEST_F(Envelopes, only_open_ones_expire_earliest_first) {
    EXPECT_FALSE(must(next_envelope_expiry(db(), {})));
    const auto late = envelope({.state = EnvelopeState::sent, .expires_at = from_ms(20)});
    const auto early = envelope({.state = EnvelopeState::in_progress, .expires_at = from_ms(10)});
    envelope({.state = EnvelopeState::completed, .expires_at = from_ms(5)});
    envelope({.state = EnvelopeState::sent});
    EXPECT_EQ(must(next_envelope_expiry(db(), {})), from_ms(10));
    EXPECT_EQ(must(next_envelope_expiry(db(), {from_ms(10), early.no})), from_ms(20));
    EXPECT_FALSE(must(next_envelope_expiry(db(), {from_ms(20), late.no})));
    auto list = must(list_expiring_envelopes(db(), from_ms(19), {}, 10));
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].id, early.id);
    list = must(list_expiring_envelopes(db(), from_ms(20), {from_ms(10), early.no}, 10));
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].no, late.no);
    EXPECT_TRUE(plan_named("envelope.expiring").contains("envelope_by_expiry"));
    EXPECT_TRUE(plan_named("envelope.next_expiry").contains("envelope_by_expiry"));
}

TEST_F(Envelopes, retention_takes_ended_ones_whose_events_are_gone) {
    const auto ended = EnvelopeState::declined;
    const auto old = envelope({.state = ended, .updated_at = from_ms(10)});
    const auto open = envelope({.state = EnvelopeState::sent, .updated_at = from_ms(10)});
    const auto recent = envelope({.state = ended, .updated_at = from_ms(100)});
    const auto named = envelope({.state = ended, .updated_at = from_ms(10)});
    must(
        insert_event(db(), {.id = next_id<EventId>(), .workspace_no = 1, .envelope_no = named.no}));
    std::int64_t deleted = 0;
    std::int64_t after = 0;
    for (;;) {
        const Chunk chunk = must(delete_old_envelopes(
            db(), {.workspace_no = 1, .before = from_ms(100), .after = after, .limit = 2}));
        deleted += chunk.deleted;
        if (!chunk.next) break;
        after = *chunk.next;
    }
    EXPECT_EQ(deleted, 1);
    EXPECT_FALSE(must(load_envelope(db(), old.no)));
    for (const auto& row : {open, recent, named}) EXPECT_TRUE(must(load_envelope(db(), row.no)));
}

}  // namespace
}  // namespace blotter::store
