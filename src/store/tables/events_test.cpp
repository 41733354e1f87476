#include "store/tables/events.hpp"

#include "store/tables/attempts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/files.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

class Events : public TablesTest {
  protected:
    EventRow event(NewEvent event = {}) {
        event.id = next_id<EventId>();
        if (event.workspace_no == 0) event.workspace_no = 1;
        event.payload = as_bytes("sealed payload");
        const auto seq = insert_planned(event);
        return *must(load_event(db(), seq, Payload::read));
    }
    std::vector<std::int64_t> seqs(const EventFilter& filter, const PageOptions& page = {}) {
        std::vector<std::int64_t> out;
        for (const EventRow& row : must(list_events(db(), filter, page, Payload::skip)).rows)
            out.push_back(row.seq);
        return out;
    }
    std::int64_t deliver(std::int64_t event_seq, std::int64_t destination_no,
                         DeliveryState state = DeliveryState::delivered) {
        const NewDelivery row{.no = number(event_seq, destination_no),
                              .event_seq = event_seq,
                              .destination_no = destination_no,
                              .workspace_no = 1};
        AttemptResult result{.detail = as_bytes("{}"), .state = state};
        if (!is_final(state)) result.next_at = from_ms(1'000);
        return record_first(row, result).value();
    }
};

EventTypes only(EventType type) {
    EventTypes types;
    types.add(type);
    return types;
}

TEST_F(Events, keep_every_part) {
    const std::vector<std::int64_t> entities{3, 300};
    const std::vector<std::int64_t> plan{9, 2};
    const EventRow row = event({.type = EventType::envelope_completed,
                                .envelope_no = 5,
                                .document_no = 6,
                                .entity_nos = entities,
                                .occurred_at = from_ms(10),
                                .accepted_at = from_ms(20),
                                .request_hash = sha256("r"),
                                .log_no = 4,
                                .leaf = 77,
                                .plan = plan});
    const auto stored = must(find_event(db(), 1, row.id));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->seq, row.seq);
    EXPECT_EQ(stored->type, EventType::envelope_completed);
    EXPECT_EQ(stored->envelope_no, 5);
    EXPECT_EQ(stored->document_no, 6);
    EXPECT_EQ(stored->entity_nos, entities);
    EXPECT_EQ(stored->occurred_at, from_ms(10));
    EXPECT_EQ(stored->accepted_at, from_ms(20));
    EXPECT_EQ(stored->request_hash, sha256("r"));
    EXPECT_EQ(stored->log_no, 4);
    EXPECT_EQ(stored->leaf, 77);
    EXPECT_EQ(stored->plan.destination_nos, plan);
    EXPECT_EQ(stored->payload, bytes_of("sealed payload"));
    EXPECT_TRUE(must(load_event(db(), row.seq, Payload::skip))->payload.empty());
    EXPECT_FALSE(must(find_event(db(), 2, row.id)));
}

TEST_F(Events, have_one_id_over_all_workspaces) {
    const EventRow row = event();
    NewEvent again{.id = row.id, .workspace_no = 2};
    EXPECT_EQ(insert_event(db(), again).error().code, Errc::conflict);
}

TEST_F(Events, a_damaged_plan_is_an_error_and_not_an_empty_plan) {
    const EventRow row = event();
    must(db().execute("UPDATE event SET plan = x'80'"));
    EXPECT_EQ(load_event(db(), row.seq, Payload::skip).error().code, Errc::corrupt);
    EXPECT_EQ(list_owed(db(), 0, 10).error().code, Errc::corrupt);
}

TEST_F(Events, lists_filter_by_everything_at_once) {
    const std::vector<std::int64_t> entity{8};
    const auto done = EventType::envelope_completed;
    const auto a = event({.type = done, .envelope_no = 1, .entity_nos = entity}).seq;
    const auto b = event({.type = EventType::envelope_sent, .envelope_no = 1}).seq;
    const auto c = event({.type = done, .entity_nos = entity}).seq;
    const auto d = event({.type = EventType::document_posted, .document_no = 1}).seq;
    const auto other = event({.workspace_no = 2, .type = done, .envelope_no = 1}).seq;
    const struct {
        EventFilter filter;
        std::vector<std::int64_t> expected;
    } cases[] = {
        {{.workspace_no = 1}, {d, c, b, a}},
        {{.workspace_no = 1, .document_no = 1}, {d}},
        {{.workspace_no = 1, .envelope_no = 1, .document_no = 1}, {}},
        {{.workspace_no = 2, .document_no = 1}, {}},
        {{.workspace_no = 1, .types = only(done)}, {c, a}},
        {{.workspace_no = 1, .envelope_no = 1}, {b, a}},
        {{.workspace_no = 1, .entity_no = 8}, {c, a}},
        {{.workspace_no = 1, .types = only(done), .envelope_no = 1, .entity_no = 8}, {a}},
        {{.workspace_no = 1, .entity_no = 9}, {}},
        {{.workspace_no = 2}, {other}},
        {{.workspace_no = 2, .envelope_no = 1}, {other}},
    };
    for (const auto& item : cases) {
        EXPECT_EQ(seqs(item.filter), item.expected);
        auto reversed = item.expected;
        std::ranges::reverse(reversed);
        EXPECT_EQ(seqs(item.filter, {.order = Order::oldest_first}), reversed);
        EXPECT_EQ(must(count_events(db(), item.filter, 100)).n,
                  static_cast<std::int64_t>(item.expected.size()));
    }
    EXPECT_TRUE(plan_named("event.newest").contains("event_by_workspace"));
    EXPECT_TRUE(plan_named("event.envelope_newest").contains("event_by_envelope"));
    EXPECT_TRUE(plan_named("event.document_newest").contains("event_by_document"));
}

TEST_F(Events, pages_go_on_from_each_other_in_both_directions) {
    for (int i = 0; i < 7; ++i) event();
    for (const Order order : {Order::newest_first, Order::oldest_first}) {
        std::vector<std::int64_t> seen;
        PageOptions page{.limit = 3, .order = order};
        for (;;) {
            const auto rows = must(list_events(db(), {.workspace_no = 1}, page, Payload::skip));
            for (const EventRow& row : rows.rows) seen.push_back(row.seq);
            if (!rows.next) break;
            page.after = *rows.next;
        }
        EXPECT_EQ(seen.size(), 7U);
        EXPECT_TRUE(order == Order::newest_first ? std::ranges::is_sorted(seen, std::greater{})
                                                 : std::ranges::is_sorted(seen));
    }
}

TEST_F(Events, a_rare_kind_is_found_over_several_bounded_pages) {
    const auto rare = event({.type = EventType::envelope_failed}).seq;
    for (std::size_t i = 0; i < scan_rows_max + 10; ++i)
        must(insert_event(db(), {.id = next_id<EventId>(), .workspace_no = 1}));
    const EventFilter filter{.workspace_no = 1, .types = only(EventType::envelope_failed)};
    const auto first = must(list_events(db(), filter, {}, Payload::skip));
    EXPECT_TRUE(first.rows.empty());
    ASSERT_TRUE(first.next);
    const auto second = must(list_events(db(), filter, {.after = *first.next}, Payload::skip));
    ASSERT_EQ(second.rows.size(), 1U);
    EXPECT_EQ(second.rows[0].seq, rare);
    EXPECT_FALSE(second.next);
}

TEST_F(Events, a_time_range_has_its_start_and_not_its_end) {
    constexpr std::int64_t hour = 3'600'000;
    std::vector<std::int64_t> all;
    for (int i = 0; i < 10; ++i) all.push_back(event({.accepted_at = from_ms(i * hour)}).seq);
    const auto range = [&](int from, int until) {
        return EventFilter{
            .workspace_no = 1, .from = from_ms(from * hour), .until = from_ms(until * hour)};
    };
    const PageOptions oldest{.order = Order::oldest_first};
    EXPECT_EQ(seqs(range(3, 5), oldest), (std::vector{all[3], all[4]}));
    EXPECT_EQ(seqs(range(0, 1), oldest), (std::vector{all[0]}));
    EXPECT_EQ(seqs(range(9, 99)), (std::vector{all[9]}));
    EXPECT_TRUE(seqs(range(20, 30)).empty());
    EXPECT_EQ(must(count_events(db(), range(2, 8), 100)).n, 6);
    // Retention leaves gaps between the seqs.
    must(db().execute("DELETE FROM event WHERE seq IN (2, 3, 6)"));
    EXPECT_EQ(seqs(range(1, 8), oldest), (std::vector{all[3], all[4], all[6], all[7]}));
}

TEST_F(Events, a_clock_set_back_within_an_hour_hides_nothing) {
    constexpr std::int64_t minute = 60'000;
    std::vector<std::int64_t> inside;
    // Ten hours, minute by minute; at minute 300 the clock goes back by 50 minutes.
    for (std::int64_t i = 0; i < 600; ++i) {
        const std::int64_t at = (i < 300 ? i : i - 50) * minute;
        const auto seq = event({.accepted_at = from_ms(at)}).seq;
        if (at >= 260 * minute && at < 270 * minute) inside.push_back(seq);
    }
    EXPECT_EQ(inside.size(), 20U);
    EXPECT_EQ(
        seqs({.workspace_no = 1, .from = from_ms(260 * minute), .until = from_ms(270 * minute)},
             {.order = Order::oldest_first}),
        inside);
}

TEST_F(Events, are_counted_up_to_a_cap) {
    for (int i = 0; i < 5; ++i) event();
    EXPECT_TRUE(must(count_events(db(), {.workspace_no = 1}, 5)).complete);
    const Count capped = must(count_events(db(), {.workspace_no = 1}, 4));
    EXPECT_EQ(capped.n, 4);
    EXPECT_FALSE(capped.complete);
    // Nothing matches, and no more than ten times the cap is looked at.
    for (int i = 0; i < 10; ++i) event();
    const Count none = must(count_events(db(), {.workspace_no = 1, .types = EventTypes{}}, 1));
    EXPECT_EQ(none.n, 0);
    EXPECT_FALSE(none.complete);
}

TEST_F(Events, a_key_of_the_client_names_one_event) {
    const EventKey key{1, as_bytes("order-42")};
    EXPECT_FALSE(must(find_event_key(db(), key)));
    must(insert_event_key(db(), key, {7, sha256("r")}));
    EXPECT_EQ(insert_event_key(db(), key, {8, sha256("r")}).error().code, Errc::conflict);
    must(insert_event_key(db(), {2, as_bytes("order-42")}, {8, sha256("r")}));
    EXPECT_EQ(must(find_event_key(db(), key))->event_seq, 7);
    EXPECT_EQ(must(find_event_key(db(), key))->request_hash, sha256("r"));
}

TEST_F(Events, what_is_owed_is_the_plan_without_the_rows_that_exist) {
    const std::vector<std::int64_t> plan{1, 2, 3};
    const auto a = event({.plan = plan}).seq;
    const auto none = event().seq;
    const auto b = event({.plan = plan}).seq;
    const auto c = event({.plan = plan}).seq;
    deliver(a, 2);
    for (const std::int64_t no : plan) deliver(b, no);
    deliver(none, 1);
    // A replay of c does not settle its first attempt.
    must(insert_delivery(db(), {.no = number(0, 1),
                                .id = next_id<DeliveryId>(),
                                .event_seq = c,
                                .destination_no = 1,
                                .workspace_no = 1,
                                .replay_no = 6,
                                .next_at = from_ms(1)}));
    OwedSlice slice = must(list_owed(db(), 0, 10));
    EXPECT_FALSE(slice.more);
    EXPECT_EQ(slice.scanned_to, c);
    ASSERT_EQ(slice.events.size(), 2U);
    EXPECT_EQ(slice.events[0].event.seq, a);
    EXPECT_EQ(slice.events[0].deliveries,
              (std::vector<OwedDelivery>{{1, number(a, 1)}, {3, number(a, 3)}}));
    EXPECT_EQ(slice.events[1].deliveries,
              (std::vector<OwedDelivery>{{1, number(c, 1)}, {2, number(c, 2)}, {3, number(c, 3)}}));

    slice = must(list_owed(db(), 0, 1));
    EXPECT_TRUE(slice.more);
    EXPECT_EQ(slice.scanned_to, a);
    slice = must(list_owed(db(), a, 1));
    EXPECT_TRUE(slice.events.empty());
    EXPECT_EQ(slice.scanned_to, b);
    EXPECT_TRUE(plan_named("delivery.numbers_between").contains("PRIMARY KEY"));
}

TEST_F(Events, the_watermark_never_moves_back) {
    EXPECT_EQ(must(read_watermark(db())), 0);
    EXPECT_EQ(must(advance_watermark(db(), 300)), Applied::yes);
    EXPECT_EQ(must(advance_watermark(db(), 299)), Applied::no);
    EXPECT_EQ(must(read_watermark(db())), 300);
}

TEST_F(Events, retention_takes_an_old_event_with_everything_that_hangs_on_it) {
    const std::vector<std::int64_t> plan{1};
    const auto old = event({.accepted_at = from_ms(10), .plan = plan});
    const auto newest = event({.accepted_at = from_ms(10), .plan = plan});
    const auto delivery_no = deliver(old.seq, 1);
    deliver(newest.seq, 1);
    must(insert_event_key(db(), {1, as_bytes("k")}, {old.seq, {}}));
    must(renew_link(db(), old.seq, 1, from_ms(5)));
    must(insert_file_access(db(), {.file_id = next_id<FileId>(), .event_seq = old.seq}));
    const EventRetention retention{.workspace_no = 1, .before = from_ms(100)};

    EXPECT_EQ(must(delete_old_events(db(), retention)).deleted, 0) << "above the watermark";
    must(advance_watermark(db(), newest.seq));
    const Chunk chunk = must(delete_old_events(db(), retention));
    EXPECT_EQ(chunk.deleted, 1);
    EXPECT_FALSE(chunk.next);
    EXPECT_FALSE(must(load_event(db(), old.seq, Payload::skip)));
    EXPECT_FALSE(must(load_delivery(db(), delivery_no)));
    EXPECT_TRUE(must(list_attempts(db(), delivery_no)).empty());
    EXPECT_FALSE(must(find_event_key(db(), {1, as_bytes("k")})));
    EXPECT_FALSE(must(load_link_start(db(), old.seq, 1)));
    EXPECT_TRUE(must(list_file_access_of_event(db(), old.seq, {})).rows.empty());
    // The newest stays, so that the next one gets a number of its own.
    EXPECT_TRUE(must(load_event(db(), newest.seq, Payload::skip)));
}

TEST_F(Events, retention_spares_what_is_young_or_not_yet_delivered) {
    constexpr std::int64_t day = 86'400'000;
    const std::vector<std::int64_t> plan{1};
    const auto open = event({.accepted_at = from_ms(0), .plan = plan}).seq;
    deliver(open, 1, DeliveryState::retrying);
    const auto done = event({.accepted_at = from_ms(1), .plan = plan}).seq;
    deliver(done, 1);
    const auto young = event({.accepted_at = from_ms(5 * day), .plan = plan}).seq;
    deliver(young, 1);
    const auto last = event({.accepted_at = from_ms(6 * day), .plan = plan}).seq;
    deliver(last, 1);
    must(advance_watermark(db(), last));
    std::int64_t after = 0;
    std::int64_t deleted = 0;
    int chunks = 0;
    for (;; ++chunks) {
        const Chunk chunk = must(delete_old_events(
            db(), {.workspace_no = 1, .before = from_ms(day), .after = after, .limit = 1}));
        deleted += chunk.deleted;
        if (!chunk.next) break;
        after = *chunk.next;
    }
    EXPECT_EQ(deleted, 1);
    EXPECT_EQ(chunks, 2) << "stops at the first event that is young";
    EXPECT_TRUE(must(load_event(db(), open, Payload::skip)));
    EXPECT_FALSE(must(load_event(db(), done, Payload::skip)));
    EXPECT_TRUE(must(load_event(db(), young, Payload::skip)));
}

}  // namespace
}  // namespace blotter::store
