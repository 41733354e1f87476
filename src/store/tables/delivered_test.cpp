#include "store/tables/delivered.hpp"

#include "store/tables/attempts.hpp"
#include "store/tables/delivered_batch.hpp"
#include "store/tables/delivery_ids.hpp"
#include "store/tables/delivery_times.hpp"
#include "store/tables/detail.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

class DeliveredBlocks : public TablesTest {
  protected:
    DeliveredBlocks() {
        id = next_id<EventId>();
        seq = must(insert_event(db(), {.id = id, .workspace_no = 1}));
    }
    NewDelivery fresh(std::int64_t no) {
        return {.no = no,
                .event_seq = seq,
                .destination_no = no,
                .workspace_no = 1,
                .created_at = from_ms(1'000 + no)};
    }
    AttemptResult taken(std::int64_t no, std::string_view detail = "{}") {
        return {.started_at = from_ms(1'000 + no),
                .took = std::chrono::microseconds{no},
                .outcome = 1,
                .status = 200,
                .detail = as_bytes(detail)};
    }
    void write(const std::vector<std::int64_t>& numbers, std::string_view detail = "{}") {
        DeliveredBatch batch;
        for (const std::int64_t no : numbers) batch.add(fresh(no), taken(no, detail));
        must(batch.write(db()));
    }
    std::int64_t rows() {
        return counted("test.rows", "SELECT count(*) FROM delivery WHERE no > 0");
    }
    std::int64_t blocks() {
        return counted("test.blocks", "SELECT count(*) FROM delivered WHERE block >= 0");
    }
    std::vector<std::int64_t> in_block(std::int64_t no) {
        const auto block = must(DeliveredBlock::load_of(db(), no));
        return numbers_of(must(block.deliveries()));
    }
    /// What is stored of the block of number 0, damaged or not.
    void store(ByteView entries, std::int64_t count) {
        static constexpr sql::Query put{
            "test.put", "UPDATE delivered SET count = ?2, entries = ?1 WHERE block = 0"};
        must(sql::run(db(), put, entries, count));
    }

    EventId id;
    std::int64_t seq = 0;

  private:
    std::int64_t counted(const char* name, const char* text) {
        const sql::Query& query = queries_.emplace_back(sql::Query{name, text});
        return must(sql::one(db(), query, detail::first_integer)).value();
    }
    std::deque<sql::Query> queries_;
};

TEST_F(DeliveredBlocks, keep_every_part) {
    AttemptResult before = taken(70, R"({"answer":"ok"})");
    before.started_at = from_ms(1'000);  // the clock was set back
    before.status.reset();
    const std::string long_answer(2'000, 'x');
    AttemptResult later = taken(71, long_answer);
    later.started_at = from_ms(90'000'000);
    DeliveredBatch batch;
    batch.add(fresh(71), later);
    batch.add(fresh(70), before);
    must(batch.write(db()));
    EXPECT_EQ(blocks(), 1);
    EXPECT_EQ(rows(), 0);

    const DeliveryRow row = must(load_delivery(db(), 70)).value();
    EXPECT_EQ(row.no, 70);
    EXPECT_EQ(row.id, planned_delivery_id(id, 70));
    EXPECT_EQ(row.event_seq, seq);
    EXPECT_EQ(row.destination_no, 70);
    EXPECT_EQ(row.workspace_no, 1);
    EXPECT_EQ(row.replay_no, 0);
    EXPECT_EQ(row.state, DeliveryState::delivered);
    EXPECT_EQ(row.attempts, 1U);
    EXPECT_EQ(row.first_at, from_ms(1'000));
    EXPECT_EQ(row.last_at, from_ms(1'000));
    EXPECT_FALSE(row.next_at);
    EXPECT_EQ(row.created_at, from_ms(1'070));
    EXPECT_EQ(must(load_delivery(db(), 71))->first_at, from_ms(90'000'000));

    const auto attempts = must(list_attempts(db(), 70));
    ASSERT_EQ(attempts.size(), 1U);
    EXPECT_EQ(attempts[0].n, 1U);
    EXPECT_FALSE(attempts[0].skip);
    EXPECT_EQ(attempts[0].started_at, from_ms(1'000));
    EXPECT_EQ(attempts[0].took, std::chrono::microseconds{70});
    EXPECT_EQ(attempts[0].outcome, 1);
    EXPECT_FALSE(attempts[0].status);
    EXPECT_EQ(attempts[0].detail, bytes_of(R"({"answer":"ok"})"));
    EXPECT_EQ(must(list_attempts(db(), 71)).front().status, 200);
    for (const std::int64_t none : {69, 72, 7}) {
        EXPECT_FALSE(must(load_delivery(db(), none)));
        EXPECT_TRUE(must(list_attempts(db(), none)).empty());
    }
}

TEST_F(DeliveredBlocks, hold_each_number_once_wherever_it_was_first) {
    write({3, 5, 4, 5});
    EXPECT_EQ(in_block(3), (std::vector<std::int64_t>{3, 4, 5}));
    write({5, 6}, "other");
    EXPECT_EQ(in_block(3), (std::vector<std::int64_t>{3, 4, 5, 6}));
    EXPECT_EQ(must(list_attempts(db(), 5)).front().detail, bytes_of("{}"));
    // A row is not made for one that stands in a block, and none put there that has a row.
    EXPECT_FALSE(must(record_first_attempt(db(), fresh(5), taken(5))));
    EXPECT_FALSE(must(insert_delivery(db(), fresh(5))));
    ASSERT_TRUE(must(insert_delivery(db(), fresh(7))));
    write({7, 8});
    EXPECT_EQ(in_block(3), (std::vector<std::int64_t>{3, 4, 5, 6, 8}));
    EXPECT_EQ(must(load_delivery(db(), 7))->state, DeliveryState::queued);
    EXPECT_EQ(rows(), 1);
}

TEST_F(DeliveredBlocks, take_what_was_delivered_with_nothing_more_to_say) {
    const NewDelivery row = fresh(1);
    EXPECT_TRUE(DeliveredBatch::takes(row, taken(1)));
    const auto other = [&](auto change) {
        AttemptResult result = taken(1);
        change(result);
        return DeliveredBatch::takes(row, result);
    };
    const std::string long_answer(2'001, 'x');
    EXPECT_FALSE(other([](AttemptResult& r) { r.state = DeliveryState::failed; }));
    EXPECT_FALSE(other([](AttemptResult& r) { r.n = 2; }));
    EXPECT_FALSE(other([](AttemptResult& r) { r.next_at = from_ms(1); }));
    EXPECT_FALSE(other([](AttemptResult& r) { r.reference = "ECR-1"; }));
    EXPECT_FALSE(other([](AttemptResult& r) { r.reason = "why"; }));
    EXPECT_FALSE(other([&](AttemptResult& r) { r.detail = as_bytes(long_answer); }));
    NewDelivery again = row;
    again.replay_no = 1;
    EXPECT_FALSE(DeliveredBatch::takes(again, taken(1)));
}

TEST_F(DeliveredBlocks, without_room_for_more_leave_the_rest_to_rows) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t no = 64; no < 128; ++no) numbers.push_back(no);
    write(numbers, std::string(1'000, 'x'));
    EXPECT_EQ(in_block(64).size(), 7U);
    EXPECT_EQ(rows(), 57);
    for (const std::int64_t no : numbers) {
        EXPECT_EQ(must(load_delivery(db(), no))->created_at, from_ms(1'000 + no));
        EXPECT_EQ(must(list_attempts(db(), no)).front().took, std::chrono::microseconds{no});
    }
}

TEST_F(DeliveredBlocks, are_forgotten_entry_by_entry) {
    write({60, 63, 64, 65, 200});
    EXPECT_EQ(blocks(), 3);
    EXPECT_EQ(must(next_delivery_no(db(), 1)), 60);
    EXPECT_EQ(must(next_delivery_no(db(), 61)), 63);
    EXPECT_EQ(must(next_delivery_no(db(), 66)), 200);
    EXPECT_FALSE(must(next_delivery_no(db(), 201)));
    EXPECT_EQ(must(newest_delivery_no(db())), 200);
    must(delete_delivered(db(), 63, 65));
    EXPECT_EQ(in_block(60), std::vector<std::int64_t>{60});
    EXPECT_EQ(in_block(64), std::vector<std::int64_t>{65});
    must(delete_delivered(db(), 65, 201));
    EXPECT_EQ(blocks(), 1);
    EXPECT_EQ(must(newest_delivery_no(db())), 60);
    must(delete_delivered(db(), 0, 64));
    EXPECT_EQ(blocks(), 0);
    EXPECT_EQ(must(newest_delivery_no(db())), 0);
}

TEST_F(DeliveredBlocks, lose_what_was_answered_when_it_is_replaced) {
    write({1, 2}, R"({"answer":"a name"})");
    auto attempt = must(list_attempts(db(), 1)).front();
    attempt.detail = bytes_of(R"({"erased":true})");
    must(replace_attempt_detail(db(), 1, attempt));
    EXPECT_EQ(must(list_attempts(db(), 1)).front().detail, attempt.detail);
    EXPECT_EQ(must(list_attempts(db(), 1)).front().took, std::chrono::microseconds{1});
    EXPECT_EQ(must(list_attempts(db(), 2)).front().detail, bytes_of(R"({"answer":"a name"})"));
}

TEST_F(DeliveredBlocks, that_are_damaged_are_an_error_in_every_way) {
    write({1, 2});
    Bytes whole;
    DeliveredBlock::pack({.no = 1, .event_seq = seq, .created_at = from_ms(5)}, whole);
    const auto is_damaged = [&](Bytes entries, std::int64_t count) {
        store(entries, count);
        const auto loaded = load_delivery(db(), 1);
        const auto block = must(DeliveredBlock::load_of(db(), 1)).deliveries();
        return !loaded && !block && loaded.error().code == Errc::corrupt;
    };
    EXPECT_FALSE(is_damaged(whole, 1));
    EXPECT_TRUE(is_damaged(whole, 2));
    for (std::size_t size = 1; size < whole.size(); ++size)
        EXPECT_TRUE(
            is_damaged({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}, 1))
            << size;
    Bytes twice = whole;
    twice.insert(twice.end(), whole.begin(), whole.end());
    EXPECT_TRUE(is_damaged(twice, 2));
    Bytes high = whole;
    high[0] = 64;
    EXPECT_TRUE(is_damaged(high, 1));
}

}  // namespace
}  // namespace blotter::store
