#include "store/tables/deliveries.hpp"

#include "store/tables/attempts.hpp"
#include "store/tables/delivery_ids.hpp"
#include "store/tables/delivery_list.hpp"
#include "store/tables/delivery_times.hpp"
#include "store/tables/events.hpp"
#include "store/tables/open_work.hpp"
#include "store/tables/queue.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

using enum DeliveryState;

/// What `due` and `held` hold must always be what the delivery rows say.
constexpr sql::Query stray_due{
    "stray due",
    "SELECT count(*) FROM (SELECT due_ms, delivery_no, destination_no FROM due EXCEPT "
    "SELECT next_ms, no, destination_no FROM delivery WHERE next_ms IS NOT NULL)"};
constexpr sql::Query missing_due{
    "missing due",
    "SELECT count(*) FROM (SELECT next_ms, no, destination_no FROM delivery "
    "WHERE next_ms IS NOT NULL EXCEPT SELECT due_ms, delivery_no, destination_no FROM due)"};
constexpr sql::Query stray_held{
    "stray held",
    "SELECT count(*) FROM (SELECT destination_no, delivery_no FROM held EXCEPT "
    "SELECT destination_no, no FROM delivery WHERE state = 4)"};
constexpr sql::Query missing_held{
    "missing held",
    "SELECT count(*) FROM (SELECT destination_no, no FROM delivery WHERE state = 4 EXCEPT "
    "SELECT destination_no, delivery_no FROM held)"};

class Deliveries : public TablesTest {
  protected:
    void TearDown() override {
        const auto seen = watched().seen;
        for (const sql::Query* query : {&stray_due, &missing_due, &stray_held, &missing_held}) {
            const auto n =
                must(sql::one(db(), *query, [](const sql::Statement& s) { return s.integer(0); }));
            EXPECT_EQ(n, 0) << query->name;
        }
        watched().seen = seen;
        TablesTest::TearDown();
    }

    NewDelivery fresh(std::int64_t event_seq, std::int64_t destination_no) {
        return {.no = number(event_seq, destination_no),
                .event_seq = event_seq,
                .destination_no = destination_no,
                .workspace_no = 1,
                .created_at = from_ms(event_seq)};
    }
    std::int64_t waiting(std::int64_t event_seq, std::int64_t destination_no, int due_ms) {
        NewDelivery row = fresh(event_seq, destination_no);
        row.next_at = from_ms(due_ms);
        return must(insert_delivery(db(), row)).value();
    }
    std::int64_t held(std::int64_t event_seq, std::int64_t destination_no) {
        NewDelivery row = fresh(event_seq, destination_no);
        row.state = DeliveryState::held;
        row.reason = "destination_paused";
        return must(insert_delivery(db(), row)).value();
    }
    std::int64_t done(std::int64_t event_seq, std::int64_t destination_no) {
        return record_first(fresh(event_seq, destination_no), {.started_at = from_ms(event_seq)})
            .value();
    }
    /// An event of workspace 1 for two destinations, whose id is one more than that of the event
    /// before.
    std::int64_t event() {
        const std::vector<std::int64_t> plan{3, 4};
        return insert_planned({.id = next_id<EventId>(), .workspace_no = 1, .plan = plan});
    }
    NewDelivery again(std::int64_t event_seq, std::int64_t destination_no, std::int64_t replay_no) {
        NewDelivery row = fresh(0, destination_no);
        row.id = next_id<DeliveryId>();
        row.event_seq = event_seq;
        row.replay_no = replay_no;
        return row;
    }
    DeliveryRow load(std::int64_t no) { return must(load_delivery(db(), no)).value(); }
};

TEST_F(Deliveries, a_first_success_is_one_row_with_its_attempt) {
    const std::int64_t seq = event();
    const NewDelivery row = fresh(seq, 3);
    const AttemptResult result{.started_at = from_ms(100),
                               .took = std::chrono::microseconds{1'234},
                               .outcome = 1,
                               .status = 200,
                               .detail = as_bytes(R"({"tls":"1.3"})"),
                               .reference = "ECR-1"};
    const auto no = must(record_first_attempt(db(), row, result));
    ASSERT_TRUE(no);
    const DeliveryId id = planned_delivery_id(must(load_event(db(), seq, Payload::skip))->id, 3);
    const auto stored = must(find_delivery(db(), 1, id));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->no, *no);
    EXPECT_EQ(stored->id, id);
    EXPECT_EQ(stored->state, delivered);
    EXPECT_EQ(stored->attempts, 1U);
    EXPECT_EQ(stored->first_at, from_ms(100));
    EXPECT_EQ(stored->last_at, from_ms(100));
    EXPECT_FALSE(stored->next_at);
    EXPECT_EQ(stored->reference, "ECR-1");
    EXPECT_EQ(stored->reason, "");
    EXPECT_EQ(stored->created_at, from_ms(seq));
    EXPECT_FALSE(must(find_delivery(db(), 2, id)));
    const auto attempts = must(list_attempts(db(), *no));
    ASSERT_EQ(attempts.size(), 1U);
    EXPECT_EQ(attempts[0].n, 1U);
    EXPECT_FALSE(attempts[0].skip);
    EXPECT_EQ(attempts[0].took, std::chrono::microseconds{1'234});
    EXPECT_EQ(attempts[0].status, 200);
    EXPECT_EQ(attempts[0].detail, bytes_of(R"({"tls":"1.3"})"));
    EXPECT_EQ(must(load_delivery_at(db(), {seq, 3, 0}))->no, *no);
    EXPECT_FALSE(must(load_delivery_at(db(), {seq, 3, 1})));
}

TEST_F(Deliveries, a_first_outcome_is_taken_once) {
    const std::int64_t seq = event();
    const auto first = done(seq, 3);
    EXPECT_FALSE(must(record_first_attempt(db(), fresh(seq, 3), {.state = failed})));
    EXPECT_FALSE(must(insert_delivery(db(), fresh(seq, 3))));
    EXPECT_EQ(load(first).state, delivered);
    EXPECT_EQ(must(list_attempts(db(), first)).size(), 1U);
    // Sent again on request, it is a row of its own, once for each replay.
    NewDelivery replay = again(seq, 3, 2);
    replay.replay_of = first;
    replay.next_at = from_ms(1);
    const auto made = must(insert_delivery(db(), replay));
    ASSERT_TRUE(made);
    EXPECT_EQ(load(*made).replay_of, first);
    replay.no = number(0, 3);
    EXPECT_FALSE(must(insert_delivery(db(), replay)));
    EXPECT_EQ(must(load_delivery_at(db(), {seq, 3, 2}))->no, *made);
}

TEST_F(Deliveries, what_is_sent_again_has_an_id_of_its_own) {
    const std::int64_t seq = event();
    const auto first = done(seq, 3);
    NewDelivery replay = again(seq, 3, 2);
    replay.replay_of = first;
    const auto made = must(insert_delivery(db(), replay)).value();
    EXPECT_EQ(must(find_delivery(db(), 1, replay.id))->no, made);
    EXPECT_EQ(load(made).id, replay.id);
    EXPECT_NE(load(first).id, replay.id);
    EXPECT_EQ(must(find_delivery(db(), 1, load(first).id))->no, first);
    NewDelivery twin = again(seq, 4, 2);
    twin.id = replay.id;
    EXPECT_EQ(insert_delivery(db(), twin).error().code, Errc::conflict);
}

TEST_F(Deliveries, of_events_with_ids_close_to_each_other_are_told_apart) {
    std::map<DeliveryId, std::int64_t> made;
    for (int i = 0; i < 20; ++i) {
        const std::int64_t seq = event();
        for (const std::int64_t destination : {3, 4}) {
            const auto no = done(seq, destination);
            made.emplace(load(no).id, no);
        }
    }
    EXPECT_EQ(made.size(), 40U);
    for (const auto& [id, no] : made) EXPECT_EQ(must(find_delivery(db(), 1, id))->no, no);
    EXPECT_FALSE(must(find_delivery(db(), 1, next_id<DeliveryId>())));
}

TEST_F(Deliveries, planned_before_they_had_numbers_of_their_event_are_found_all_the_same) {
    const std::int64_t seq = event();
    static constexpr sql::Query strip{"test.strip_plan",
                                      "UPDATE event SET plan = x'0304' WHERE seq = ?1"};
    must(sql::run(db(), strip, seq));
    NewDelivery row = fresh(0, 3);
    row.event_seq = seq;
    row.replay_no = planned_without_number;
    const auto no = must(insert_delivery(db(), row)).value();
    row.no = number(0, 3);
    EXPECT_FALSE(must(insert_delivery(db(), row))) << "once";
    EXPECT_EQ(must(load_delivery_at(db(), {seq, 3, 0}))->no, no);
    EXPECT_FALSE(must(load_delivery_at(db(), {seq, 4, 0})));
    const DeliveryRow stored = load(no);
    EXPECT_EQ(stored.replay_no, 0);
    EXPECT_EQ(must(find_delivery(db(), 1, stored.id))->no, no);
    EXPECT_EQ(must(list_deliveries(db(), {.workspace_no = 1, .event_seq = seq}, {})).rows.size(),
              1U);
    const OwedSlice owed = must(list_owed(db(), 0, 10));
    ASSERT_EQ(owed.events.size(), 1U);
    EXPECT_EQ(owed.events[0].deliveries, (std::vector<OwedDelivery>{{4, 0}}));
}

TEST_F(Deliveries, older_than_ids_from_events_keep_theirs) {
    const std::int64_t seq = event();
    const auto no = held(seq, 3);
    const DeliveryId derived = load(no).id;
    const DeliveryId stored = next_id<DeliveryId>();
    static constexpr sql::Query give{"test.give_id", "UPDATE delivery SET id = ?2 WHERE no = ?1"};
    must(sql::run(db(), give, no, stored));
    EXPECT_EQ(must(find_delivery(db(), 1, stored))->no, no);
    EXPECT_FALSE(must(find_delivery(db(), 1, derived)));
}

TEST_F(Deliveries, a_failure_waits_for_its_time_until_it_succeeds) {
    const auto no = must(record_first_attempt(db(), fresh(7, 3),
                                              {.started_at = from_ms(100),
                                               .outcome = 14,
                                               .status = 500,
                                               .state = retrying,
                                               .next_at = from_ms(400)}))
                        .value();
    EXPECT_EQ(must(list_due(db(), from_ms(400), {}, 10)),
              (std::vector<DueRow>{{from_ms(400), no, 3}}));
    EXPECT_TRUE(must(list_due(db(), from_ms(399), {}, 10)).empty());

    AttemptResult second{
        .n = 2, .started_at = from_ms(401), .state = retrying, .next_at = from_ms(900)};
    EXPECT_EQ(must(record_attempt(db(), no, second)), Applied::yes);
    EXPECT_EQ(must(record_attempt(db(), no, second)), Applied::no) << "the same attempt again";
    EXPECT_EQ(must(list_due(db(), from_ms(999), {}, 10)),
              (std::vector<DueRow>{{from_ms(900), no, 3}}));
    EXPECT_EQ(must(record_attempt(db(), no, {.n = 4})), Applied::no) << "one is missing";
    EXPECT_EQ(must(record_attempt(db(), no, {.n = 3, .started_at = from_ms(901)})), Applied::yes);

    const DeliveryRow row = load(no);
    EXPECT_EQ(row.state, delivered);
    EXPECT_EQ(row.attempts, 3U);
    EXPECT_EQ(row.first_at, from_ms(100));
    EXPECT_EQ(row.last_at, from_ms(901));
    EXPECT_TRUE(must(list_due(db(), from_ms(9'999), {}, 10)).empty());
    EXPECT_EQ(must(list_attempts(db(), no)).size(), 3U);
    EXPECT_EQ(must(record_attempt(db(), no, {.n = 4})), Applied::no) << "final is final";
    EXPECT_EQ(must(record_attempt(db(), 999, {.n = 1})), Applied::no);
}

TEST_F(Deliveries, a_queued_one_makes_its_first_attempt_later) {
    const auto no = waiting(7, 3, 50);
    EXPECT_EQ(must(record_attempt(db(), no, {.n = 1, .started_at = from_ms(60)})), Applied::yes);
    EXPECT_EQ(load(no).first_at, from_ms(60));
    auto attempts = must(list_attempts(db(), no));
    ASSERT_EQ(attempts.size(), 1U);
    EXPECT_EQ(attempts[0].started_at, from_ms(60));
    attempts[0].detail = bytes_of("{}");
    must(replace_attempt_detail(db(), no, attempts[0]));
    EXPECT_EQ(must(list_attempts(db(), no)).at(0).detail, bytes_of("{}"))
        << "where the first attempts stand, whenever they were made";
}

TEST_F(Deliveries, an_outcome_counts_even_when_it_was_held_meanwhile) {
    const auto no = waiting(7, 3, 50);
    EXPECT_EQ(must(change_delivery(db(), {.no = no, .from = queued, .to = DeliveryState::held})),
              Applied::yes);
    EXPECT_EQ(must(record_attempt(db(), no, {.n = 1})), Applied::yes);
    EXPECT_EQ(load(no).state, delivered);
    EXPECT_TRUE(must(list_held(db(), 3, 0, 10)).empty());
}

TEST_F(Deliveries, a_wait_behind_an_open_circuit_is_seen_and_is_no_attempt) {
    const auto no = waiting(7, 3, 50);
    const CircuitWait wait{.no = no, .at = from_ms(50), .until = from_ms(99), .outcome = 20};
    EXPECT_EQ(must(record_wait(db(), wait)), from_ms(99));
    EXPECT_EQ(must(record_wait(db(), {.no = no, .until = from_ms(70)})), from_ms(99))
        << "no earlier";
    EXPECT_EQ(load(no).attempts, 0U);
    EXPECT_EQ(load(no).next_at, from_ms(99));
    EXPECT_EQ(must(record_attempt(db(), no, {.n = 1, .state = retrying, .next_at = from_ms(200)})),
              Applied::yes);
    EXPECT_EQ(must(record_wait(db(), {.no = no, .until = from_ms(300)})), from_ms(300));
    const auto attempts = must(list_attempts(db(), no));
    ASSERT_EQ(attempts.size(), 3U) << "one wait for each number of attempts";
    EXPECT_TRUE(attempts[0].skip);
    EXPECT_EQ(attempts[0].outcome, 20);
    EXPECT_EQ(attempts[1].n, 1U);
    EXPECT_FALSE(attempts[1].skip);
    EXPECT_EQ(attempts[2].n, 1U);
    EXPECT_TRUE(attempts[2].skip);
    EXPECT_EQ(must(record_attempt(db(), no, {.n = 2})), Applied::yes);
    EXPECT_FALSE(must(record_wait(db(), wait))) << "it waits no more";
}

TEST_F(Deliveries, attempts_of_neighbours_do_not_mix) {
    const auto a = done(1, 3);
    const auto b = done(2, 3);
    ASSERT_EQ(b, a + 1);
    for (std::uint32_t n = 1; n <= 31; ++n) {
        const auto no = n == 1 ? waiting(9, 3, 1) : 0;
        if (no != 0) EXPECT_EQ(no, b + 1);
        must(record_attempt(db(), b + 1,
                            {.n = n, .state = retrying, .next_at = from_ms(1'000 + n)}));
    }
    EXPECT_EQ(must(list_attempts(db(), a)).size(), 1U);
    EXPECT_EQ(must(list_attempts(db(), b + 1)).size(), 31U);
    EXPECT_EQ(must(list_attempts(db(), b + 1)).back().n, 31U);
}

TEST_F(Deliveries, a_change_needs_the_state_that_it_starts_from) {
    const auto no = waiting(7, 3, 50);
    EXPECT_EQ(must(change_delivery(db(), {.no = no, .from = retrying, .to = cancelled})),
              Applied::no);
    EXPECT_EQ(must(change_delivery(
                  db(), {.no = no, .from = queued, .to = cancelled, .reason = "cancelled"})),
              Applied::yes);
    EXPECT_EQ(load(no).reason, "cancelled");
    for (const DeliveryState from : {cancelled, delivered, failed})
        EXPECT_EQ(must(change_delivery(
                      db(), {.no = no, .from = from, .to = queued, .next_at = from_ms(1)})),
                  Applied::no);
}

TEST_F(Deliveries, a_time_leads_to_the_first_number_made_from_then_on) {
    EXPECT_EQ(must(delivery_no_at(db(), from_ms(0))), 1);
    std::vector<std::int64_t> numbers;
    for (const int at : {10, 20, 20, 30}) numbers.push_back(done(at, 100 + std::ssize(numbers)));
    const struct {
        int at;
        std::int64_t no;
    } cases[] = {{0, numbers[0]},  {10, numbers[0]}, {11, numbers[1]},
                 {20, numbers[1]}, {30, numbers[3]}, {31, numbers[3] + 1}};
    for (const auto& c : cases) EXPECT_EQ(must(delivery_no_at(db(), from_ms(c.at))), c.no) << c.at;
}

TEST_F(Deliveries, what_waits_is_read_in_order_of_time_slice_by_slice) {
    std::vector<DueRow> expected;
    for (const int due : {10, 20, 20, 20, 30})
        expected.push_back({from_ms(due), waiting(100 + std::ssize(expected), 3, due), 3});
    std::vector<DueRow> seen;
    TimePosition after;
    for (;;) {
        const auto slice = must(list_due(db(), from_ms(99), after, 2));
        if (slice.empty()) break;
        seen.insert(seen.end(), slice.begin(), slice.end());
        after = {slice.back().due_at, slice.back().delivery_no};
    }
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(must(list_due_of_destination(db(), 3, {from_ms(20), expected[1].delivery_no}, 9)),
              (std::vector<DueRow>(expected.begin() + 2, expected.end())));
    EXPECT_TRUE(must(list_due_of_destination(db(), 4, {}, 9)).empty());
    EXPECT_TRUE(plan_named("due.list").contains("PRIMARY KEY"));
    EXPECT_TRUE(plan_named("due.of_destination").contains("due_by_destination"));
}

TEST_F(Deliveries, a_slice_of_what_waits_is_as_long_as_was_asked_for) {
    // A reader that gets fewer rows than it asked for takes them for the last ones.
    const std::int64_t count = static_cast<std::int64_t>(page_rows_max) + 5;
    for (std::int64_t n = 0; n < count; ++n) waiting(100 + n, 3, 10);
    EXPECT_EQ(std::ssize(must(list_due(db(), from_ms(99), {}, due_slice_rows_max))), count);
    EXPECT_EQ(std::ssize(must(list_due(db(), from_ms(99), {}, page_rows_max + 1))), count - 4);
}

TEST_F(Deliveries, a_paused_destination_keeps_everything_and_gives_it_back) {
    const auto fresh_one = waiting(1, 3, 10);
    const auto tried =
        must(record_first_attempt(db(), fresh(2, 3), {.state = retrying, .next_at = from_ms(20)}))
            .value();
    const auto elsewhere = waiting(3, 4, 10);
    EXPECT_EQ(must(hold_due(db(), {.destination_no = 3, .reason = "paused", .limit = 1})),
              std::vector{fresh_one});
    EXPECT_EQ(must(hold_due(db(), {.destination_no = 3, .reason = "paused"})), std::vector{tried});
    EXPECT_TRUE(must(hold_due(db(), {.destination_no = 3})).empty());
    EXPECT_EQ(load(tried).state, DeliveryState::held);
    EXPECT_EQ(load(tried).reason, "paused");
    EXPECT_EQ(load(elsewhere).state, queued);
    EXPECT_EQ(must(list_held(db(), 3, 0, 10)).size(), 2U);
    EXPECT_EQ(must(list_holding_destinations(db())), std::vector<std::int64_t>{3});

    EXPECT_EQ(must(release_held(db(), {.destination_no = 3, .at = from_ms(500), .limit = 1})),
              std::vector{fresh_one});
    EXPECT_EQ(must(release_held(db(), {.destination_no = 3, .at = from_ms(500)})),
              std::vector{tried});
    EXPECT_EQ(load(fresh_one).state, queued);
    EXPECT_EQ(load(tried).state, retrying);
    EXPECT_EQ(load(tried).next_at, from_ms(500));
    EXPECT_EQ(load(tried).reason, "");
}

TEST_F(Deliveries, a_removed_destination_cancels_what_waits_for_it) {
    waiting(1, 3, 10);
    held(2, 3);
    const auto kept = done(3, 3);
    const auto elsewhere = held(4, 4);
    const QueueSlice slice{.destination_no = 3, .reason = "destination_deleted", .limit = 1};
    EXPECT_EQ(must(cancel_waiting(db(), slice)).size(), 1U);
    EXPECT_EQ(must(cancel_waiting(db(), slice)).size(), 1U);
    EXPECT_TRUE(must(cancel_waiting(db(), slice)).empty());
    EXPECT_EQ(must(list_deliveries(db(), {.workspace_no = 1, .state = cancelled}, {})).rows.size(),
              2U);
    EXPECT_EQ(load(kept).state, delivered);
    EXPECT_EQ(load(elsewhere).state, DeliveryState::held);
}

TEST_F(Deliveries, open_ones_of_a_destination_are_found_without_reading_the_others) {
    const auto a = waiting(1, 3, 10);
    done(2, 3);
    held(3, 3);
    const auto b = waiting(4, 3, 5);
    const OpenDeliveries open = must(list_open_deliveries(db(), 3, 0, 10));
    ASSERT_EQ(open.rows.size(), 2U);
    EXPECT_EQ(open.rows[0].no, a);
    EXPECT_EQ(open.rows[1].no, b);
    EXPECT_EQ(open.through, b);
    EXPECT_EQ(must(list_open_deliveries(db(), 3, 0, 1)).through, a);
    EXPECT_TRUE(plan_named("delivery.open_of_destination").contains("delivery_open"));
}

}  // namespace
}  // namespace blotter::store
