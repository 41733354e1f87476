#include "store/sqlite/log_mover.hpp"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "store/sqlite/fault_vfs.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query insert{"insert", "INSERT INTO e (id, body) VALUES (?1, ?2)"};
constexpr sql::Query select_ids{"ids", "SELECT id FROM e ORDER BY id"};
constexpr std::string_view create = "CREATE TABLE e (id INTEGER PRIMARY KEY, body TEXT NOT NULL)";

constexpr std::int64_t small = 20'000;
constexpr std::int64_t busy = 120'000;

SqliteOptions options_for(std::filesystem::path path, std::string vfs = {}) {
    return {.path = std::move(path),
            .vfs = std::move(vfs),
            .checkpoint_busy_bytes = busy,
            .checkpoint_small_bytes = small,
            .checkpoint_small_commits = 1,
            .small_commit_bytes = 1 << 20};
}

std::int64_t first_integer(const sql::Statement& row) {
    return row.integer(0);
}

Result<> put(SqliteConnection& db, std::int64_t id) {
    return sql::run(db, insert, id, std::string(3'000, static_cast<char>('a' + id % 26)));
}

/// Counts the syncs of the database itself, and fails one.
struct Watching final : FaultPolicy {
    Fault on(FileOp op, std::string_view path, std::uint64_t) override {
        if (op != FileOp::sync || path != "e.db") return Fault::none;
        ++syncs;
        return next_sync;
    }
    bool survives(std::string_view, std::uint64_t) override { return false; }
    std::uint64_t syncs = 0;
    Fault next_sync = Fault::none;
};

struct LogMoverTest : testing::Test {
    std::unique_ptr<SqliteConnection> open() {
        return must(SqliteConnection::open(options_for("e.db", vfs.name())));
    }
    std::size_t log_bytes() const { return vfs.content("e.db-wal").size(); }
    /// Of a log: its salts change when it starts again.
    Bytes head_of_log() const {
        Bytes all = vfs.content("e.db-wal");
        all.resize(std::min<std::size_t>(all.size(), 32));
        return all;
    }

    Watching disk;
    FaultVfs vfs{"moved", disk};
};

TEST_F(LogMoverTest, copies_without_a_sync_and_keeps_the_log_from_starting_again) {
    auto db = open();
    must(db->execute(create));
    const Bytes head = head_of_log();
    const auto before = vfs.content("e.db").size();
    const auto synced = disk.syncs;
    for (std::int64_t id = 1; log_bytes() < busy - 2 * small; ++id) {
        must(put(*db, id));
        must(db->upkeep(sql::Upkeep::busy));
        ASSERT_EQ(head_of_log(), head);
    }
    EXPECT_EQ(disk.syncs, synced);
    EXPECT_GT(vfs.content("e.db").size(), before);
}

TEST_F(LogMoverTest, moves_each_so_many_commits_that_are_too_large_for_the_least_size) {
    SqliteOptions options = options_for("e.db", vfs.name());
    options.checkpoint_small_bytes = 1;
    options.checkpoint_small_commits = 5;
    auto db = must(SqliteConnection::open(options));
    must(db->execute(create));
    must(db->upkeep(sql::Upkeep::idle));
    std::vector<std::int64_t> moved_at;
    for (std::int64_t id = 1; id <= 40; ++id) {
        const auto before = vfs.content("e.db").size();
        must(put(*db, id));
        must(db->upkeep(sql::Upkeep::busy));
        // Each row takes a page of its own.
        if (vfs.content("e.db").size() > before) moved_at.push_back(id);
    }
    ASSERT_GE(moved_at.size(), 6U);
    for (std::size_t i = 1; i < moved_at.size(); ++i) {
        EXPECT_GE(moved_at[i] - moved_at[i - 1], 4) << moved_at[i];
        EXPECT_LE(moved_at[i] - moved_at[i - 1], 6) << moved_at[i];
    }
}

TEST_F(LogMoverTest, lets_a_long_log_start_again_once_the_database_is_synced) {
    auto db = open();
    must(db->execute(create));
    int starts = 0;
    Bytes head = head_of_log();
    for (std::int64_t id = 1; id <= 400; ++id) {
        must(put(*db, id));
        must(db->upkeep(sql::Upkeep::busy));
        ASSERT_LE(log_bytes(), busy + 3 * small);
        if (head_of_log() != head) ++starts;
        head = head_of_log();
    }
    EXPECT_GT(starts, 5);
    EXPECT_EQ(must(sql::all(*db, select_ids, first_integer)).size(), 400U);
}

TEST_F(LogMoverTest, an_idle_moment_ends_what_is_owed) {
    auto db = open();
    must(db->execute(create));
    for (std::int64_t id = 1; id <= 8; ++id) {
        must(put(*db, id));
        must(db->upkeep(sql::Upkeep::busy));
    }
    const Bytes head = head_of_log();
    const auto synced = disk.syncs;
    must(db->upkeep(sql::Upkeep::idle));
    EXPECT_GT(disk.syncs, synced);
    must(put(*db, 9));
    EXPECT_NE(head_of_log(), head) << "the log starts again";
    const auto after = disk.syncs;
    must(db->upkeep(sql::Upkeep::idle));
    EXPECT_EQ(disk.syncs, after) << "nothing is owed";
}

TEST_F(LogMoverTest, a_sync_that_fails_breaks_the_connection_and_loses_nothing) {
    for (const Fault fault : {Fault::io_error, Fault::lost_sync}) {
        vfs.power_cut();
        vfs.put("e.db", {});
        vfs.put("e.db-wal", {});
        auto db = open();
        must(db->execute(create));
        std::vector<std::int64_t> committed;
        Result<> kept;
        for (std::int64_t id = 1; kept && id <= 400; ++id) {
            must(put(*db, id));
            committed.push_back(id);
            disk.next_sync = fault;
            kept = db->upkeep(sql::Upkeep::busy);
            disk.next_sync = Fault::none;
        }
        ASSERT_FALSE(kept);
        EXPECT_EQ(kept.error().code, Errc::storage_failed);
        EXPECT_EQ(db->state(), sql::State::broken);
        vfs.power_cut();
        db = open();
        must(db->quick_check());
        EXPECT_EQ(must(sql::all(*db, select_ids, first_integer)), committed);
    }
}

TEST_F(LogMoverTest, what_was_moved_after_a_sync_began_is_owed_still) {
    auto db = open();
    must(db->execute(create));
    const auto mover = LogMover::open("e.db", vfs.name().c_str(), SyncOn::caller).value();
    must(put(*db, 1));
    ASSERT_EQ(mover->move(), SQLITE_OK);
    mover->begin_sync();
    must(put(*db, 2));
    ASSERT_EQ(mover->move(), SQLITE_OK);
    EXPECT_EQ(mover->take_sync(), SQLITE_OK);
    EXPECT_TRUE(mover->owes());
    const auto synced = disk.syncs;
    EXPECT_EQ(mover->release(), SQLITE_OK);
    EXPECT_EQ(disk.syncs, synced + 1);
    EXPECT_FALSE(mover->owes());
}

TEST_F(LogMoverTest, what_a_process_left_owing_is_synced_by_the_next_though_a_reader_stayed) {
    auto db = open();
    must(db->execute(create));
    auto reader = must(
        SqliteConnection::open({.path = "e.db", .access = Access::read_only, .vfs = vfs.name()}));
    for (std::int64_t id = 1; id <= 8; ++id) {
        must(put(*db, id));
        ASSERT_EQ(must(sql::all(*reader, select_ids, first_integer)).size(), id);
        must(db->upkeep(sql::Upkeep::busy));
    }
    // The reader keeps the log's index, which says what was moved.
    db.reset();
    db = open();
    must(put(*db, 9));
    vfs.power_cut();
    db = open();
    must(db->quick_check());
    EXPECT_EQ(must(sql::all(*db, select_ids, first_integer)).size(), 9U);
}

/// The power goes at one write or sync; of what was not synced, each sector stays or not.
struct CutAt final : FaultPolicy {
    explicit CutAt(std::uint64_t n) : nth(n), state(n * 0x9E3779B97F4A7C15) {}
    Fault on(FileOp op, std::string_view, std::uint64_t) override {
        if (op != FileOp::write && op != FileOp::sync) return Fault::none;
        return ++seen == nth ? Fault::power_cut : Fault::none;
    }
    bool survives(std::string_view, std::uint64_t) override {
        state = state * 6364136223846793005 + 1442695040888963407;
        return (state >> 40) % 2 == 0;
    }
    std::uint64_t nth;
    std::uint64_t seen = 0;
    std::uint64_t state;
};

TEST(LogMoverAtPowerCuts, nothing_committed_is_lost_wherever_the_power_goes) {
    std::uint64_t cuts = 0;
    for (std::uint64_t nth = 1;; nth += 3) {
        CutAt policy{nth};
        FaultVfs vfs{"cut", policy};
        std::vector<std::int64_t> committed;
        if (auto db = SqliteConnection::open(options_for("e.db", vfs.name()));
            db && (*db)->execute(create)) {
            for (std::int64_t id = 1; id <= 130; ++id) {
                if (!put(**db, id)) break;
                committed.push_back(id);
                if (!(*db)->upkeep(id % 50 == 0 ? sql::Upkeep::idle : sql::Upkeep::busy)) break;
            }
        }
        if (vfs.ends() == 0) break;  // it came after the last operation
        ++cuts;
        auto again = must(SqliteConnection::open(options_for("e.db", vfs.name())));
        must(again->quick_check());
        if (committed.empty()) continue;
        const auto found = must(sql::all(*again, select_ids, first_integer));
        ASSERT_TRUE(std::ranges::includes(found, committed)) << "operation " << nth;
    }
    EXPECT_GT(cuts, 200U);
}

TEST(LogMoverOnDisk, syncs_on_a_thread_of_its_own) {
    const std::filesystem::path folder = make_folder();
    {
        auto db = must(SqliteConnection::open(options_for(folder / "e.db")));
        must(db->execute(create));
        std::uintmax_t longest = 0;
        for (std::int64_t id = 1; id <= 1'000; ++id) {
            must(put(*db, id));
            must(db->upkeep(sql::Upkeep::busy));
            longest = std::max(longest, std::filesystem::file_size(folder / "e.db-wal"));
        }
        // 8 MB went through it. While a sync takes, the log may grow.
        EXPECT_LT(longest, 4'000'000U);
        EXPECT_EQ(must(sql::all(*db, select_ids, first_integer)).size(), 1'000U);
    }
    {
        auto db = must(SqliteConnection::open(options_for(folder / "e.db")));
        must(db->quick_check());
        EXPECT_EQ(must(sql::all(*db, select_ids, first_integer)).size(), 1'000U);
    }
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace blotter::store
