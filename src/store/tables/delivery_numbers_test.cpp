#include "store/tables/delivery_numbers.hpp"

#include "store/tables/deliveries.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class Numbers : public TablesTest {
  protected:
    std::int64_t take(DeliveryNumbers& numbers, std::vector<std::int64_t> destination_nos) {
        Tx tx{db()};
        return must(numbers.take(tx, destination_nos));
    }
    std::vector<std::pair<std::int64_t, std::int64_t>> notes() {
        static constexpr sql::Query all{
            "test.notes",
            "SELECT block, destination_no FROM delivery_block WHERE block >= ?1 ORDER BY block, "
            "destination_no"};
        const auto read = [](const sql::Statement& s) {
            return std::pair{s.integer(0), s.integer(1)};
        };
        return must(sql::all(db(), all, read, 0));
    }
};

TEST_F(Numbers, ascend_and_those_of_an_event_are_consecutive) {
    DeliveryNumbers numbers;
    EXPECT_EQ(take(numbers, {7, 8, 9}), 1);
    EXPECT_EQ(take(numbers, {7}), 4);
    EXPECT_EQ(take(numbers, {9}), 5);
}

TEST_F(Numbers, are_given_once_also_by_the_next_run) {
    std::int64_t last = 0;
    for (int run = 0; run < 3; ++run) {
        DeliveryNumbers numbers;
        for (int i = 0; i < 5'000; ++i) {
            const std::int64_t first = take(numbers, {7, 8});
            ASSERT_GT(first, last);
            last = first + 1;
        }
    }
    EXPECT_LT(last, 3 * (10'000 + 4'096) + 1) << "few are left out";
}

TEST_F(Numbers, begin_behind_what_is_older_than_they_are) {
    must(
        db().execute("INSERT INTO delivery (no, event_seq, destination_no, workspace_no, "
                     "replay_no, state, attempts, created_ms) VALUES (41, 1, 7, 1, -1, 5, 1, 0)"));
    DeliveryNumbers numbers;
    EXPECT_EQ(take(numbers, {7}), 42);
}

TEST_F(Numbers, note_each_destination_once_in_each_block) {
    DeliveryNumbers numbers;
    for (int i = 0; i < 511; ++i) take(numbers, {7, 8});
    EXPECT_EQ(notes(), (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 7}, {0, 8}}));
    // 1023 is the last number of the first block.
    EXPECT_EQ(take(numbers, {9, 10}), 1'023);
    EXPECT_EQ(notes(), (std::vector<std::pair<std::int64_t, std::int64_t>>{
                           {0, 7}, {0, 8}, {0, 9}, {1, 10}}));
}

/// A piece of work that takes numbers, and may be undone then.
struct Taking : Job {
    Taking(DeliveryNumbers& n, std::vector<std::int64_t> d, bool f, std::vector<std::int64_t>& g)
        : numbers(n), destination_nos(std::move(d)), fails(f), given(g) {}
    Result<> run(Tx& tx) override {
        TRY(first, numbers.take(tx, destination_nos));
        if (!fails) return {};
        // One more, so that some of what was reserved is left.
        CHECK(numbers.take(tx, 9));
        return fail(Errc::conflict, "undone");
    }
    void finished(std::unique_ptr<Job>, Result<> outcome) override {
        if (outcome) given.push_back(first);
    }
    DeliveryNumbers& numbers;
    std::vector<std::int64_t> destination_nos;
    bool fails;
    std::vector<std::int64_t>& given;
    std::int64_t first = 0;
};

TEST(NumbersUndone, are_reserved_and_noted_again) {
    const auto folder = make_folder();
    auto opened = SqliteConnection::open({.path = folder / "blotter.db"});
    ASSERT_TRUE(opened);
    SqliteConnection& db = **opened;
    ASSERT_TRUE(migrate(db, {.known = migrations(), .now = from_ms(1)}));
    Writer writer{std::move(*opened), {}};
    DeliveryNumbers numbers;
    std::vector<std::int64_t> given;
    const std::vector<std::int64_t> many(5'000, 8);
    writer.submit(std::make_unique<Taking>(numbers, std::vector<std::int64_t>{7}, false, given));
    writer.submit(std::make_unique<Taking>(numbers, many, true, given));
    writer.submit(std::make_unique<Taking>(numbers, std::vector<std::int64_t>{8}, false, given));
    writer.drain();
    ASSERT_EQ(given.size(), 2U);
    EXPECT_EQ(given[0], 1);
    EXPECT_GT(given[1], given[0]);
    static constexpr sql::Query noted{
        "test.noted",
        "SELECT count(*) FROM delivery_block WHERE block = ?1 AND destination_no = 8"};
    EXPECT_EQ(must(sql::one(
                  db, noted, [](const sql::Statement& s) { return s.integer(0); },
                  given[1] / delivery_block_numbers)),
              1);
    EXPECT_GT(must(read_meta_number(db, meta::delivery_numbers_reserved)), given[1]);
    std::filesystem::remove_all(folder);
}

TEST_F(Numbers, notes_go_when_the_deliveries_of_a_block_are_gone) {
    const std::vector<std::int64_t> plan{7};
    std::int64_t seq = 0;
    for (int i = 0; i < 2'100; ++i)
        seq = insert_planned({.id = next_id<EventId>(), .workspace_no = 1, .plan = plan});
    EXPECT_EQ(notes().size(), 3U);
    must(db().execute("DELETE FROM event WHERE seq < 1000"));
    EXPECT_EQ(must(delete_emptied_blocks(db(), 10)), 0);
    must(db().execute("DELETE FROM event WHERE seq < 1100"));
    EXPECT_EQ(must(delete_emptied_blocks(db(), 10)), 1);
    must(db().execute("DELETE FROM event WHERE seq < " + std::to_string(seq)));
    EXPECT_EQ(must(delete_emptied_blocks(db(), 10)), 1);
    EXPECT_EQ(notes().size(), 1U);
}

}  // namespace
}  // namespace blotter::store
