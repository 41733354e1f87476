#include "store/reader.hpp"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

#include "runtime/task_group.hpp"
#include "store/sqlite/fault_vfs.hpp"
#include "store/sqlite/sqlite_connection.hpp"

namespace blotter::store {
namespace {

using sql::Query;
using namespace std::chrono_literals;

constexpr Query insert{"insert", "INSERT INTO entry (id) VALUES (?1)"};
constexpr Query count_all{"count", "SELECT count(*) FROM entry"};
constexpr Query endless{"endless",
                        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
                        "SELECT count(*) FROM c"};

Result<std::int64_t> count(sql::Connection& db, const Query& query) {
    TRY(const auto n,
        sql::one(db, query, [](const sql::Statement& row) { return row.integer(0); }));
    return n.value_or(-1);
}

/// Runs one reading to its end on a loop of its own and gives what came out.
runtime::Task<> read_into(runtime::Loop& loop, Reader& reader,
                          std::function<Result<std::int64_t>(sql::Connection&)> work,
                          std::function<void(Result<std::int64_t>)> told) {
    Result<std::int64_t> got = co_await read(loop, reader, std::move(work));
    told(std::move(got));
}

std::string words(const Result<std::int64_t>& got) {
    return got ? std::to_string(*got) : std::string{to_text(got.error().code)};
}

struct ReaderTest : testing::Test {
    ReaderTest() {
        auto opened = SqliteConnection::open({.path = "r.db", .vfs = vfs.name()});
        EXPECT_TRUE(opened);
        db = std::move(*opened);
        EXPECT_TRUE(db->execute("CREATE TABLE entry (id INTEGER PRIMARY KEY)"));
    }
    std::vector<std::unique_ptr<sql::Connection>> connections(int n) {
        std::vector<std::unique_ptr<sql::Connection>> made;
        for (int i = 0; i < n; ++i)
            made.push_back(*SqliteConnection::open(
                {.path = "r.db", .access = Access::read_only, .vfs = vfs.name(), .clock = &clock}));
        return made;
    }
    ScriptedFaults faults;
    FaultVfs vfs{"reader", faults};
    runtime::SystemClock clock;
    std::unique_ptr<SqliteConnection> db;
};

TEST_F(ReaderTest, reads_one_committed_state_in_each_reading) {
    runtime::InlineOffload offload;
    runtime::Loop loop{clock};
    runtime::TaskGroup tasks{loop};
    Reader reader{offload, clock, connections(1), {}};
    std::string got;
    const auto twice = [this](sql::Connection& c) -> Result<std::int64_t> {
        TRY(const auto before, count(c, count_all));
        EXPECT_TRUE(sql::run(*db, insert, before + 1));
        TRY(const auto after, count(c, count_all));
        return before * 10 + after;
    };
    for (int i = 0; i < 3; ++i)
        tasks.spawn(read_into(loop, reader, twice, [&](auto r) { got += words(r) + " "; }));
    while (tasks.size() > 0) loop.poll();
    EXPECT_EQ(got, "0 11 22 ");
}

TEST_F(ReaderTest, ends_a_reading_at_its_deadline_and_goes_on_with_the_next) {
    runtime::ThreadOffload offload{2};
    runtime::Loop loop{clock};
    runtime::TaskGroup tasks{loop};
    Reader reader{offload, clock, connections(2), {.deadline = Duration{20}}};
    std::string got;
    for (int i = 0; i < 2; ++i)
        tasks.spawn(read_into(
            loop, reader, [](sql::Connection& c) { return count(c, endless); },
            [&](auto r) { got += words(r) + " "; }));
    while (tasks.size() > 0) loop.poll();
    EXPECT_EQ(got, "timeout timeout ");
    // The connections are as good as new: nothing is left open that would hold the log.
    Reader patient{offload, clock, connections(1), {.deadline = Duration{60'000}}};
    tasks.spawn(read_into(
        loop, patient, [](sql::Connection& c) { return count(c, count_all); },
        [&](auto r) { got += words(r); }));
    while (tasks.size() > 0) loop.poll();
    EXPECT_EQ(got, "timeout timeout 0");
    ASSERT_TRUE(sql::run(*db, insert, 1));
    ASSERT_TRUE(db->upkeep(sql::Upkeep::closing));
    EXPECT_TRUE(vfs.content("r.db-wal").empty());
}

TEST_F(ReaderTest, what_waited_past_its_deadline_is_not_begun) {
    runtime::ManualClock manual;
    runtime::InlineOffload offload;
    Reader reader{offload, manual, connections(1), {}};
    const MonoTime deadline = reader.deadline_from_now();
    manual.advance(2s);
    bool ran = false;
    const auto got = reader.read_now(
        [&](sql::Connection&) -> Result<> {
            ran = true;
            return {};
        },
        deadline);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::timeout);
    EXPECT_FALSE(ran);
}

TEST_F(ReaderTest, refuses_when_too_many_wait_and_takes_more_afterwards) {
    runtime::ThreadOffload offload{1};
    runtime::Loop loop{clock};
    runtime::TaskGroup tasks{loop};
    Reader reader{offload, clock, connections(1), {.deadline = Duration{60'000}, .waiting_max = 2}};
    std::latch go{1};
    std::string got;
    const auto blocked = [&](sql::Connection& c) {
        go.wait();
        return count(c, count_all);
    };
    for (int i = 0; i < 3; ++i)
        tasks.spawn(read_into(loop, reader, blocked, [&](auto r) { got += words(r) + " "; }));
    loop.poll();
    EXPECT_EQ(got, "overloaded ");
    go.count_down();
    while (tasks.size() > 0) loop.poll();
    tasks.spawn(read_into(loop, reader, blocked, [&](auto r) { got += words(r); }));
    while (tasks.size() > 0) loop.poll();
    EXPECT_EQ(got, "overloaded 0 0 0");
}

TEST_F(ReaderTest, many_threads_read_while_the_writer_writes) {
    runtime::ThreadOffload offload{3};
    runtime::Loop loop{clock};
    runtime::TaskGroup tasks{loop};
    Reader reader{offload, clock, connections(3), {.deadline = Duration{60'000}}};
    std::atomic<int> done{0};
    const auto twice = [](sql::Connection& c) -> Result<std::int64_t> {
        TRY(const auto first, count(c, count_all));
        TRY(const auto second, count(c, count_all));
        if (first != second) return fail(Errc::internal, "the state changed within a reading");
        return first;
    };
    for (int i = 0; i < 60; ++i)
        tasks.spawn(read_into(loop, reader, twice, [&](auto r) {
            EXPECT_TRUE(r) << describe(r.error());
            ++done;
        }));
    for (int i = 0; done < 60; ++i) {
        if (i < 200) ASSERT_TRUE(sql::run(*db, insert, i));
        if (i % 20 == 0) ASSERT_TRUE(db->upkeep(sql::Upkeep::full));
        loop.poll();
    }
    EXPECT_EQ(done.load(), 60);
}

}  // namespace
}  // namespace blotter::store
