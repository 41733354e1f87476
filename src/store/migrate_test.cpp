#include "store/migrate.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/sqlite/fault_vfs.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/delivery_list.hpp"
#include "store/tables/events.hpp"
#include "store/tables/logs.hpp"
#include "store/tables/request_log.hpp"

namespace blotter::store {
namespace {

using sql::Query;
using testing::HasSubstr;

constexpr std::array<Migration, 3> steps{{
    {1, "people", "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"},
    {2, "ages",
     "ALTER TABLE person ADD COLUMN age INTEGER NOT NULL DEFAULT 0;"
     "CREATE INDEX person_age ON person (age);"},
    {3, "towns", "CREATE TABLE town (id INTEGER PRIMARY KEY) /*strict*/;"},
}};
constexpr Query read_age{"age", "SELECT age FROM person WHERE id = 7"};

struct MigrateTest : testing::Test {
    MigrateTest() {
        auto opened = SqliteConnection::open({.path = "m.db", .vfs = vfs.name()});
        EXPECT_TRUE(opened);
        db = std::move(*opened);
    }
    Result<MigrationPlan> up_to(std::size_t n) {
        return migrate(*db, {.known = std::span{steps}.first(n), .now = from_ms(1'000)});
    }
    ScriptedFaults faults;
    FaultVfs vfs{"migrate", faults};
    std::unique_ptr<SqliteConnection> db;
};

TEST_F(MigrateTest, a_new_database_gets_every_step_once) {
    const auto first = up_to(3);
    ASSERT_TRUE(first) << describe(first.error());
    EXPECT_EQ(first->applied, 0);
    EXPECT_EQ(first->todo.size(), 3U);
    const auto again = up_to(3);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->applied, 3);
    EXPECT_TRUE(again->todo.empty());
    static constexpr Query rows{"rows",
                                "SELECT count(*) FROM schema_migration WHERE applied_ms = 1000"};
    EXPECT_EQ(*sql::one(*db, rows, [](const sql::Statement& s) { return s.integer(0); }).value(),
              3);
}

TEST_F(MigrateTest, a_database_of_the_previous_version_keeps_its_data) {
    ASSERT_TRUE(up_to(1));
    ASSERT_TRUE(db->execute("INSERT INTO person (id, name) VALUES (7, 'x')"));
    int asked = 0;
    const auto plan = migrate(
        *db,
        {.known = steps, .now = from_ms(2'000), .before = [&](const MigrationPlan& p) -> Result<> {
             ++asked;
             EXPECT_EQ(p.applied, 1);
             EXPECT_EQ(p.todo.front().name, "ages");
             return {};
         }});
    ASSERT_TRUE(plan) << describe(plan.error());
    EXPECT_EQ(asked, 1);
    const auto age = sql::one(*db, read_age, [](const sql::Statement& s) { return s.integer(0); });
    ASSERT_TRUE(age && *age);
    EXPECT_EQ(**age, 0);
}

TEST_F(MigrateTest, a_failed_backup_keeps_the_database_as_it_is) {
    ASSERT_TRUE(up_to(1));
    const auto plan =
        migrate(*db, {.known = steps, .now = from_ms(2'000), .before = [](const MigrationPlan&) {
                          return Result<>{fail(Errc::storage_full, "no room for the backup")};
                      }});
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Errc::storage_full);
    EXPECT_EQ(plan_migrations(*db, Dialect::sqlite, steps)->applied, 1);
}

TEST_F(MigrateTest, a_newer_database_is_refused_in_words) {
    ASSERT_TRUE(up_to(3));
    const auto older = up_to(2);
    ASSERT_FALSE(older);
    EXPECT_EQ(older.error().code, Errc::precondition_failed);
    EXPECT_THAT(older.error().detail, HasSubstr("schema step 3 (towns)"));
    EXPECT_THAT(older.error().detail, HasSubstr("newer Blotter"));
}

TEST_F(MigrateTest, a_changed_or_renamed_or_missing_step_is_refused) {
    ASSERT_TRUE(up_to(3));
    auto changed = steps;
    changed[1].sql = "CREATE TABLE other (id INTEGER)";
    auto renamed = steps;
    renamed[0].name = "persons";
    for (const auto& list : {changed, renamed}) {
        const auto plan = plan_migrations(*db, Dialect::sqlite, list);
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, Errc::precondition_failed);
    }
    ASSERT_TRUE(db->execute("DELETE FROM schema_migration WHERE number = 2"));
    const auto plan = plan_migrations(*db, Dialect::sqlite, steps);
    ASSERT_FALSE(plan);
    EXPECT_THAT(plan.error().detail, HasSubstr("lacks schema step 2 (ages)"));
}

TEST_F(MigrateTest, a_failing_step_changes_nothing_and_those_before_it_stay) {
    auto wrong = steps;
    wrong[1].sql = "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);";
    const auto plan = migrate(*db, {.known = wrong, .now = from_ms(1)});
    ASSERT_FALSE(plan);
    EXPECT_THAT(plan.error().detail, HasSubstr("schema step 2 (ages) failed"));
    EXPECT_EQ(db->state(), sql::State::idle);
    EXPECT_FALSE(db->execute("SELECT * FROM half"));
    EXPECT_EQ(plan_migrations(*db, Dialect::sqlite, steps)->applied, 1);
    EXPECT_TRUE(up_to(3));
}

TEST_F(MigrateTest, the_log_of_requests_is_carried_over_into_slices) {
    ASSERT_TRUE(migrate(*db, {.known = migrations().first(4), .now = from_ms(1)}));
    ASSERT_TRUE(db->execute(
        "INSERT INTO request_log (at_ms, workspace_no, key_no, method, path, status, took_us, "
        "remote, request_id) VALUES (5, 1, 7, 'GET', '/a', 200, 12, '192.0.2.1', 'req_1'), "
        "(6, NULL, NULL, 'POST', '/b', 201, 13, '::1', 'req_2'), "
        "(7, 1, NULL, 'PUT', '/c', 204, 14, '::1', 'req_3')"));
    ASSERT_TRUE(migrate(*db, {.known = migrations(), .now = from_ms(2)}));
    const auto page = list_request_log(*db, 1, {.order = Order::oldest_first});
    ASSERT_TRUE(page) << describe(page.error());
    ASSERT_EQ(page->rows.size(), 2U);
    EXPECT_EQ(page->rows[0].at, from_ms(5));
    EXPECT_EQ(page->rows[0].key_no, 7);
    EXPECT_EQ(page->rows[0].request_id, "req_1");
    EXPECT_EQ(page->rows[1].no, 3);
    EXPECT_EQ(page->rows[1].path, "/c");
    EXPECT_EQ(page->rows[1].status, 204);
}

TEST_F(MigrateTest, deliveries_keep_their_ids_and_their_first_attempts) {
    ASSERT_TRUE(migrate(*db, {.known = migrations().first(5), .now = from_ms(1)}));
    ASSERT_TRUE(db->execute(
        "INSERT INTO delivery (no, id, event_seq, destination_no, workspace_no, replay_no, state, "
        "attempts, first_ms, last_ms, reference, created_ms) VALUES "
        "(3, x'00112233445566778899aabbccddeeff', 1, 2, 1, 0, 5, 2, 10, 20, 'ECR-1', 9), "
        "(4, x'00112233445566778899aabbccddee00', 2, 2, 1, 0, 4, 0, NULL, NULL, NULL, 9); "
        "INSERT INTO attempt (key, started_ms, took_us, outcome, status, detail) VALUES "
        "(193, 8, 0, 72, NULL, x'7b7d'), (194, 10, 11, 14, 500, x'7b7d'), "
        "(196, 20, 12, 1, 200, x'7b7d')"));
    ASSERT_TRUE(migrate(*db, {.known = migrations(), .now = from_ms(2)}));
    DeliveryId id;
    for (std::size_t i = 0; i < 16; ++i) id.value[i] = static_cast<std::uint8_t>(i * 0x11);
    const auto row = find_delivery(*db, 1, id);
    ASSERT_TRUE(row && *row);
    EXPECT_EQ((*row)->no, 3);
    EXPECT_EQ((*row)->reference, "ECR-1");
    const auto attempts = list_attempts(*db, 3);
    ASSERT_TRUE(attempts);
    ASSERT_EQ(attempts->size(), 3U);
    EXPECT_TRUE(attempts->at(0).skip);
    EXPECT_EQ(attempts->at(1).n, 1U);
    EXPECT_EQ(attempts->at(1).status, 500);
    EXPECT_EQ(attempts->at(1).started_at, from_ms(10));
    EXPECT_EQ(attempts->at(2).n, 2U);
    EXPECT_TRUE(list_attempts(*db, 4)->empty());
}

TEST_F(MigrateTest, entries_of_the_ledger_keep_their_places) {
    ASSERT_TRUE(migrate(*db, {.known = migrations().first(6), .now = from_ms(1)}));
    ASSERT_TRUE(
        db->execute("INSERT INTO leaf (log_no, n, entry) VALUES (1, 0, x'30'), "
                    "(1, 1, x'31'), (2, 0, x'32')"));
    ASSERT_TRUE(migrate(*db, {.known = migrations(), .now = from_ms(2)}));
    const auto alone = [&](std::int64_t log_no, std::int64_t n) {
        const auto rows = list_leaf_rows(*db, {log_no, n, 1});
        return rows && rows->size() == 1 && rows->front().first == n && rows->front().count == 1
                   ? rows->front().bytes
                   : Bytes{};
    };
    EXPECT_EQ(log_size(*db, 1), 2);
    EXPECT_EQ(alone(1, 1), Bytes{0x31});
    EXPECT_EQ(log_size(*db, 2), 1);
    EXPECT_EQ(alone(2, 0), Bytes{0x32});
    EXPECT_EQ(log_size(*db, 3), 0);
}

TEST_F(MigrateTest, deliveries_without_numbers_of_their_event_are_found_as_before) {
    ASSERT_TRUE(migrate(*db, {.known = migrations().first(9), .now = from_ms(1)}));
    ASSERT_TRUE(db->execute(
        "INSERT INTO event (seq, id, workspace_no, type, occurred_ms, accepted_ms, log_no, leaf, "
        "plan, payload) VALUES (5, x'00112233445566778899aabbccddeeff', 1, 1, 0, 0, 1, 0, x'0203', "
        "x''); INSERT INTO delivery (no, event_seq, destination_no, workspace_no, replay_no, "
        "state, attempts, created_ms) VALUES (7, 5, 2, 1, 0, 5, 1, 9), (2050, 5, 2, 1, 4, 5, 1, "
        "9)"));
    ASSERT_TRUE(migrate(*db, {.known = migrations(), .now = from_ms(2)}));
    const auto planned = load_delivery_at(*db, {5, 2, 0});
    ASSERT_TRUE(planned && *planned);
    EXPECT_EQ((*planned)->no, 7);
    EXPECT_EQ((*planned)->replay_no, 0);
    EXPECT_FALSE(*load_delivery_at(*db, {5, 3, 0}));
    const auto again = load_delivery_at(*db, {5, 2, 4});
    ASSERT_TRUE(again && *again);
    EXPECT_EQ((*again)->no, 2'050);
    const auto of_event = list_deliveries(*db, {.workspace_no = 1, .event_seq = 5}, {});
    ASSERT_TRUE(of_event);
    EXPECT_EQ(of_event->rows.size(), 2U);
    const auto all = list_deliveries(*db, {.workspace_no = 1, .destination_no = 2}, {});
    ASSERT_TRUE(all);
    EXPECT_EQ(all->rows.size(), 2U);
    const auto owed = list_owed(*db, 0, 10);
    ASSERT_TRUE(owed && owed->events.size() == 1U);
    EXPECT_EQ(owed->events[0].deliveries, (std::vector<OwedDelivery>{{3, 0}}));
}

TEST_F(MigrateTest, the_programs_own_steps_apply) {
    const auto plan = migrate(*db, {.known = migrations(), .now = from_ms(1)});
    ASSERT_TRUE(plan) << describe(plan.error());
    EXPECT_EQ(plan->todo.size(), migrations().size());
    EXPECT_TRUE(db->quick_check());
}

}  // namespace
}  // namespace blotter::store
