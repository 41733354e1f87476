// One suite for every driver of the port. A driver joins with a harness of a few lines.

#include <atomic>
#include <filesystem>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "runtime/clock.hpp"
#include "store/sqlite/fault_vfs.hpp"
#include "store/sqlite/sqlite_connection.hpp"

namespace blotter::store {
namespace {

using sql::Connection;
using sql::Query;
using sql::Statement;
namespace fs = std::filesystem;

/// An empty database of one engine.
struct Harness {
    virtual ~Harness() = default;
    virtual Result<std::unique_ptr<Connection>> open(Access access) = 0;
};

struct SqliteFile final : Harness {
    SqliteFile() {
        std::string name = (fs::temp_directory_path() / "blotter_sql_XXXXXX").string();
        directory = ::mkdtemp(name.data());
    }
    ~SqliteFile() override { fs::remove_all(directory); }
    Result<std::unique_ptr<Connection>> open(Access access) override {
        return SqliteConnection::open(
            {.path = directory / "blotter.db", .access = access, .clock = &clock});
    }
    fs::path directory;
    runtime::SystemClock clock;
};

struct SqliteMemory final : Harness {
    Result<std::unique_ptr<Connection>> open(Access access) override {
        return SqliteConnection::open(
            {.path = "blotter.db", .access = access, .vfs = vfs.name(), .clock = &clock});
    }
    ScriptedFaults faults;
    FaultVfs vfs{"conformance", faults};
    runtime::SystemClock clock;
};

struct Engine {
    const char* name;
    std::function<std::unique_ptr<Harness>()> make;
};

constexpr Query insert{"insert item", "INSERT INTO item (id, n, t, b) VALUES (?1, ?2, ?3, ?4)"};
constexpr Query select_one{"get item", "SELECT n, t, b FROM item WHERE id = ?1"};
constexpr Query select_ids{"list items", "SELECT id FROM item ORDER BY id LIMIT 1000"};
constexpr Query delete_all{"delete items", "DELETE FROM item WHERE id >= ?1"};
constexpr Query insert_counted{"insert counted", "INSERT INTO counted (label) VALUES (?1)"};
constexpr Query count_to{"count far",
                         "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE "
                         "x < ?1) SELECT count(*) FROM c"};

struct Item {
    std::optional<std::int64_t> n;
    std::optional<std::string> t;
    std::optional<Bytes> b;
    bool operator==(const Item&) const = default;
};

Item read_item(const Statement& s) {
    Item item{sql::integer_if(s, 0), sql::string_if(s, 1), std::nullopt};
    if (!s.is_null(2)) item.b = sql::bytes_at(s, 2);
    return item;
}

class Sql : public testing::TestWithParam<Engine> {
  protected:
    void SetUp() override {
        harness = GetParam().make();
        auto opened = harness->open(Access::read_write);
        ASSERT_TRUE(opened) << describe(opened.error());
        db = std::move(*opened);
        const auto made = db->execute(
            "CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER, t TEXT, b BLOB);"
            "CREATE TABLE counted (id INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE);");
        ASSERT_TRUE(made) << describe(made.error());
    }
    Result<> put(int id) { return sql::run(*db, insert, id, id * 10, "x", nullptr); }
    std::vector<std::int64_t> ids(Connection& from) {
        auto rows = sql::all(from, select_ids, [](const Statement& s) { return s.integer(0); });
        EXPECT_TRUE(rows) << describe(rows.error());
        return rows.value_or(std::vector<std::int64_t>{-1});
    }
    std::unique_ptr<Connection> reader() {
        auto opened = harness->open(Access::read_only);
        EXPECT_TRUE(opened) << describe(opened.error());
        return std::move(*opened);
    }

    std::unique_ptr<Harness> harness;
    std::unique_ptr<Connection> db;
};

using Ids = std::vector<std::int64_t>;

TEST_P(Sql, values_come_back_as_they_went_in) {
    const std::vector<Item> items = {
        {0, "", Bytes{}},
        {std::numeric_limits<std::int64_t>::min(), "é\xF0\x9F\x96\x8B", Bytes{0, 255, 0}},
        {std::numeric_limits<std::int64_t>::max(), std::string("a'b\"c;--"), Bytes(1, 7)},
        {std::nullopt, std::nullopt, std::nullopt},
        {-1, std::string(5'000, 't'), Bytes(8 << 20, 0xAB)},
    };
    ASSERT_TRUE(db->begin());
    for (std::size_t i = 0; i < items.size(); ++i)
        ASSERT_TRUE(sql::run(*db, insert, i, items[i].n, items[i].t, items[i].b));
    ASSERT_TRUE(db->commit());
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto got = sql::one(*db, select_one, read_item, i);
        ASSERT_TRUE(got && *got);
        EXPECT_TRUE(**got == items[i]) << "item " << i;
    }
}

TEST_P(Sql, ids_times_and_digests_have_columns_of_their_own) {
    EventId id;
    id.value[0] = 1;
    id.value[15] = 9;
    const Timestamp at = from_ms(1'764'000'000'123);
    ASSERT_TRUE(sql::run(*db, insert, 1, at, id.text(), id));
    ASSERT_TRUE(sql::run(*db, insert, 2, std::optional<Timestamp>{}, "d", sha256("abc")));
    const auto got = sql::one(
        *db, select_one,
        [](const Statement& s) { return std::pair{sql::time_at(s, 0), sql::id_at<EventId>(s, 2)}; },
        1);
    ASSERT_TRUE(got && *got);
    EXPECT_EQ((**got).first, at);
    EXPECT_EQ((**got).second, id);
    const auto second = sql::one(*db, select_one, read_item, 2);
    ASSERT_TRUE(second && *second);
    EXPECT_FALSE((**second).n);
    EXPECT_EQ(to_hex(*(**second).b), to_hex(sha256("abc")));
}

TEST_P(Sql, a_query_without_a_row_gives_nothing) {
    const auto got = sql::one(*db, select_one, read_item, 77);
    ASSERT_TRUE(got);
    EXPECT_FALSE(*got);
    EXPECT_EQ(ids(*db), Ids{});
}

TEST_P(Sql, a_double_is_a_conflict_that_names_the_statement) {
    ASSERT_TRUE(put(1));
    const auto again = put(1);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
    EXPECT_TRUE(again.error().detail.starts_with("insert item: ")) << again.error().detail;
    ASSERT_TRUE(sql::run(*db, insert_counted, "a"));
    EXPECT_EQ(sql::run(*db, insert_counted, "a").error().code, Errc::conflict);
}

TEST_P(Sql, a_missing_value_is_our_mistake_and_no_conflict) {
    EXPECT_EQ(sql::run(*db, insert_counted, nullptr).error().code, Errc::internal);
}

TEST_P(Sql, a_transaction_goes_on_after_a_conflict_in_a_savepoint) {
    ASSERT_TRUE(put(1));
    ASSERT_TRUE(db->begin());
    ASSERT_TRUE(put(2));
    ASSERT_TRUE(db->savepoint());
    ASSERT_TRUE(put(3));
    EXPECT_EQ(put(1).error().code, Errc::conflict);
    db->rollback_to_savepoint();
    EXPECT_EQ(db->state(), sql::State::in_transaction);
    ASSERT_TRUE(put(4));
    ASSERT_TRUE(db->commit());
    EXPECT_EQ(ids(*db), (Ids{1, 2, 4}));
}

TEST_P(Sql, savepoints_nest) {
    ASSERT_TRUE(db->begin());
    ASSERT_TRUE(db->savepoint());
    ASSERT_TRUE(put(1));
    ASSERT_TRUE(db->savepoint());
    ASSERT_TRUE(put(2));
    db->rollback_to_savepoint();
    ASSERT_TRUE(put(3));
    ASSERT_TRUE(db->release_savepoint());
    ASSERT_TRUE(db->savepoint());
    ASSERT_TRUE(put(4));
    db->rollback_to_savepoint();
    ASSERT_TRUE(db->commit());
    EXPECT_EQ(ids(*db), (Ids{1, 3}));
}

TEST_P(Sql, a_rollback_undoes_everything_and_is_harmless_twice) {
    ASSERT_TRUE(db->begin());
    ASSERT_TRUE(put(1));
    db->rollback();
    db->rollback();
    EXPECT_EQ(db->state(), sql::State::idle);
    EXPECT_EQ(ids(*db), Ids{});
    ASSERT_TRUE(db->begin());
    EXPECT_FALSE(db->begin());
    EXPECT_EQ(db->state(), sql::State::in_transaction);
    db->rollback();
}

TEST_P(Sql, last_insert_id_and_changes_tell_about_the_last_statement) {
    ASSERT_TRUE(sql::run(*db, insert_counted, "a"));
    const auto first = db->last_insert_id();
    ASSERT_TRUE(sql::run(*db, insert_counted, "b"));
    EXPECT_EQ(db->last_insert_id(), first + 1);
    EXPECT_EQ(db->changes(), 1);
    for (int i = 1; i <= 5; ++i) ASSERT_TRUE(put(i));
    ASSERT_TRUE(sql::run(*db, delete_all, 3));
    EXPECT_EQ(db->changes(), 3);
    ASSERT_TRUE(sql::run(*db, delete_all, 3));
    EXPECT_EQ(db->changes(), 0);
}

TEST_P(Sql, a_statement_works_again_after_it_failed) {
    ASSERT_TRUE(put(1));
    for (int round = 0; round < 3; ++round) {
        EXPECT_FALSE(put(1));
        EXPECT_TRUE(put(2 + round));
    }
    EXPECT_EQ(ids(*db), (Ids{1, 2, 3, 4}));
}

TEST_P(Sql, a_wrong_statement_is_an_error_with_its_name) {
    static constexpr Query wrong{"no such table", "SELECT 1 FROM nowhere WHERE id = ?1"};
    const auto got = sql::run(*db, wrong, 1);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::internal);
    EXPECT_TRUE(got.error().detail.starts_with("no such table: ")) << got.error().detail;
    EXPECT_FALSE(db->execute("CREATE TABLE good (id INTEGER); CREATE GARBAGE;"));
    EXPECT_EQ(db->state(), sql::State::idle);
}

TEST_P(Sql, many_statements_are_kept_apart) {
    static std::vector<std::string> texts;
    static std::vector<Query> queries;
    texts.reserve(300);
    queries.reserve(300);
    for (int i = static_cast<int>(queries.size()); i < 300; ++i) {
        texts.push_back("SELECT " + std::to_string(i) + " + ?1");
        queries.push_back({"sum", texts.back().c_str()});
    }
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 300; ++i) {
            const auto got = sql::one(
                *db, queries[static_cast<std::size_t>(i)],
                [](const Statement& s) { return s.integer(0); }, 1000);
            ASSERT_TRUE(got && *got);
            EXPECT_EQ(**got, 1000 + i);
        }
    }
}

TEST_P(Sql, a_writer_reads_what_it_wrote_and_a_reader_only_what_is_committed) {
    const auto other = reader();
    ASSERT_TRUE(db->begin());
    ASSERT_TRUE(put(1));
    EXPECT_EQ(ids(*db), Ids{1});
    EXPECT_EQ(ids(*other), Ids{});
    ASSERT_TRUE(db->commit());
    EXPECT_EQ(ids(*other), Ids{1});
}

TEST_P(Sql, a_reading_transaction_stays_at_one_state_and_does_not_stop_the_writer) {
    ASSERT_TRUE(put(1));
    const auto other = reader();
    ASSERT_TRUE(other->begin());
    EXPECT_EQ(ids(*other), Ids{1});
    for (int i = 2; i < 50; ++i) ASSERT_TRUE(put(i));
    ASSERT_TRUE(db->upkeep(sql::Upkeep::closing));
    EXPECT_EQ(ids(*other), Ids{1});
    ASSERT_TRUE(other->commit());
    EXPECT_EQ(ids(*other).size(), 49U);
}

TEST_P(Sql, a_reader_cannot_write) {
    const auto other = reader();
    EXPECT_EQ(sql::run(*other, insert, 1, 1, "x", nullptr).error().code, Errc::internal);
    EXPECT_FALSE(other->execute("CREATE TABLE mine (id INTEGER)"));
    EXPECT_EQ(other->state(), sql::State::idle);
}

TEST_P(Sql, a_deadline_ends_a_long_statement_and_can_be_taken_off) {
    const auto other = reader();
    runtime::SystemClock clock;
    const auto count = [](const Statement& s) { return s.integer(0); };
    other->set_deadline(clock.mono());
    EXPECT_EQ(sql::one(*other, count_to, count, 2'000'000'000).error().code, Errc::timeout);
    EXPECT_EQ(other->state(), sql::State::idle);
    other->set_deadline(MonoTime::max());
    const auto got = sql::one(*other, count_to, count, 20'000);
    ASSERT_TRUE(got && *got);
    EXPECT_EQ(**got, 20'000);
}

TEST_P(Sql, a_foreign_key_must_point_somewhere) {
    ASSERT_TRUE(
        db->execute("CREATE TABLE child (id INTEGER PRIMARY KEY,"
                    " parent INTEGER NOT NULL REFERENCES item (id))"));
    EXPECT_FALSE(db->execute("INSERT INTO child (id, parent) VALUES (1, 99)"));
    ASSERT_TRUE(put(99));
    EXPECT_TRUE(db->execute("INSERT INTO child (id, parent) VALUES (1, 99)"));
}

INSTANTIATE_TEST_SUITE_P(
    Drivers, Sql,
    testing::Values(Engine{"sqlite_file", [] { return std::make_unique<SqliteFile>(); }},
                    Engine{"sqlite_memory", [] { return std::make_unique<SqliteMemory>(); }}),
    [](const auto& info) { return std::string{info.param.name}; });

}  // namespace
}  // namespace blotter::store
