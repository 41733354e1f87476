#include "store/sqlite/sqlite_connection.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/sqlite/database_file.hpp"
#include "store/sqlite/fault_vfs.hpp"

namespace blotter::store {
namespace {

namespace fs = std::filesystem;
using sql::Query;
using testing::HasSubstr;

constexpr Query insert{"insert", "INSERT INTO entry (id, body) VALUES (?1, ?2)"};
constexpr Query remove{"remove", "DELETE FROM entry WHERE id = ?1"};
constexpr Query select_ids{"list", "SELECT id FROM entry ORDER BY id LIMIT 100000"};
constexpr const char* create = "CREATE TABLE entry (id INTEGER PRIMARY KEY, body BLOB NOT NULL)";

std::int64_t first_integer(const sql::Statement& row) {
    return row.integer(0);
}

struct OnDisk : testing::Test {
    OnDisk() {
        std::string name = (fs::temp_directory_path() / "blotter_sqlite_XXXXXX").string();
        directory = ::mkdtemp(name.data());
        path = directory / "blotter.db";
    }
    ~OnDisk() override { fs::remove_all(directory); }
    static unsigned mode_of(const fs::path& file) {
        struct stat info{};
        return ::stat(file.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
    }
    fs::path directory;
    fs::path path;
};

TEST_F(OnDisk, files_are_for_the_owner_alone) {
    std::ofstream{path};
    fs::permissions(path, fs::perms::all);
    auto db = SqliteConnection::open({.path = path});
    ASSERT_TRUE(db) << describe(db.error());
    ASSERT_TRUE((*db)->execute(create));
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_EQ(mode_of(directory / "blotter.db-wal"), 0600U);
    EXPECT_EQ(mode_of(directory / "blotter.lock"), 0600U);
}

TEST_F(OnDisk, a_second_writer_is_refused_in_words_until_the_first_has_gone) {
    auto first = SqliteConnection::open({.path = path});
    ASSERT_TRUE(first);
    const auto second = SqliteConnection::open({.path = path});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::conflict);
    EXPECT_THAT(second.error().detail, HasSubstr("process " + std::to_string(::getpid())));
    EXPECT_THAT(second.error().detail, HasSubstr("open for writing"));
    EXPECT_TRUE(SqliteConnection::open({.path = path, .access = Access::read_only}));
    first->reset();
    EXPECT_TRUE(SqliteConnection::open({.path = path}));
}

TEST_F(OnDisk, a_file_that_is_no_database_is_refused) {
    std::ofstream{path} << std::string(10'000, 'z');
    const auto opened = SqliteConnection::open({.path = path});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::corrupt);
}

TEST_F(OnDisk, another_programs_database_is_refused_and_left_alone) {
    {
        auto db = SqliteConnection::open({.path = path});
        ASSERT_TRUE(db);
        ASSERT_TRUE((*db)->execute("CREATE TABLE theirs (id INTEGER); PRAGMA application_id=7"));
    }
    const auto opened = SqliteConnection::open({.path = path});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::invalid_argument);
    EXPECT_THAT(opened.error().detail, HasSubstr("another program"));
}

TEST_F(OnDisk, a_reader_needs_an_existing_database) {
    const auto opened = SqliteConnection::open({.path = path, .access = Access::read_only});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::not_found);
    EXPECT_FALSE(fs::exists(path));
    EXPECT_FALSE(SqliteConnection::open({.path = directory / "nowhere" / "blotter.db"}));
}

TEST_F(OnDisk, the_settings_that_durability_and_safety_rest_on_are_in_force) {
    auto db = SqliteConnection::open({.path = path});
    ASSERT_TRUE(db);
    static constexpr struct {
        Query query;
        std::int64_t expected;
    } settings[] = {
        {{"a", "PRAGMA synchronous"}, 2},      {{"b", "PRAGMA foreign_keys"}, 1},
        {{"c", "PRAGMA trusted_schema"}, 0},   {{"d", "PRAGMA cell_size_check"}, 1},
        {{"e", "PRAGMA secure_delete"}, 2},    {{"f", "PRAGMA wal_autocheckpoint"}, 0},
        {{"g", "PRAGMA page_size"}, 4096},     {{"h", "PRAGMA temp_store"}, 2},
        {{"i", "PRAGMA busy_timeout"}, 2'000}, {{"j", "PRAGMA application_id"}, 0x426c6f74},
    };
    for (const auto& one : settings) {
        const auto got = sql::one(**db, one.query, first_integer);
        ASSERT_TRUE(got && *got) << one.query.text;
        EXPECT_EQ(**got, one.expected) << one.query.text;
    }
    EXPECT_FALSE((*db)->execute("SELECT load_extension('/tmp/none.so')"));
    EXPECT_FALSE((*db)->execute("SELECT \"a string in the wrong quotes\""));
}

TEST_F(OnDisk, a_clean_end_leaves_an_empty_log) {
    auto db = SqliteConnection::open({.path = path});
    ASSERT_TRUE(db);
    ASSERT_TRUE((*db)->execute(create));
    EXPECT_GT((*db)->log_bytes(), 0);
    EXPECT_GT(fs::file_size(directory / "blotter.db-wal"), 0U);
    ASSERT_TRUE((*db)->upkeep(sql::Upkeep::closing));
    EXPECT_EQ((*db)->log_bytes(), 0);
    EXPECT_EQ(fs::file_size(directory / "blotter.db-wal"), 0U);
}

TEST(DatabaseFile, network_file_systems_are_known_by_their_numbers) {
    EXPECT_EQ(network_file_system(0x6969), "NFS");
    EXPECT_EQ(network_file_system(0xFF534D42), "CIFS");
    EXPECT_EQ(network_file_system(0xFE534D42), "SMB2");
    EXPECT_FALSE(network_file_system(0xEF53));      // ext4
    EXPECT_FALSE(network_file_system(0x01021994));  // tmpfs
}

TEST(DatabaseFile, the_type_of_a_mount_is_read_from_mountinfo) {
    constexpr std::string_view text =
        "22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        "90 28 0:55 / /home/a/far rw shared:9 master:2 - fuse.sshfs host:/x rw,user_id=0\n"
        "91 28 0:56 / /short\n"
        "broken";
    EXPECT_EQ(mount_type(text, "0:21"), "sysfs");
    EXPECT_EQ(mount_type(text, "98:0"), "ext3");
    EXPECT_EQ(mount_type(text, "0:55"), "fuse.sshfs");
    EXPECT_EQ(mount_type(text, "0:56"), "");
    EXPECT_EQ(mount_type(text, "9:9"), "");
    EXPECT_EQ(mount_type("", "0:21"), "");
}

struct OnFaultyDisk : testing::Test {
    std::unique_ptr<SqliteConnection> open(SqliteOptions options = {}) {
        options.path = "e.db";
        options.vfs = vfs.name();
        auto opened = SqliteConnection::open(std::move(options));
        EXPECT_TRUE(opened) << describe(opened.error());
        return opened ? std::move(*opened) : nullptr;
    }
    ScriptedFaults faults;
    FaultVfs vfs{"faulty", faults};
};

/// Everything from opening to a checkpoint, with one fault. Gives the ids whose commit succeeded.
std::vector<std::int64_t> live(const std::string& vfs, Errc& worst) {
    std::vector<std::int64_t> committed;
    auto db = SqliteConnection::open({.path = "e.db", .vfs = vfs});
    if (!db) {
        worst = db.error().code;
        return committed;
    }
    auto note = [&](const Result<>& done) {
        if (!done) worst = done.error().code;
        return done.has_value();
    };
    if (!note((*db)->execute(create))) return committed;
    for (std::int64_t id = 1; id <= 12; ++id) {
        if ((*db)->state() == sql::State::broken) return committed;
        if (!note((*db)->begin())) continue;
        const bool done =
            note(sql::run(**db, insert, id, std::string(2'000, 'b'))) && note((*db)->commit());
        if (done)
            committed.push_back(id);
        else
            (*db)->rollback();
        if (id % 4 == 0) note((*db)->upkeep(sql::Upkeep::full));
    }
    return committed;
}

TEST(SqliteErrors, an_error_at_any_operation_is_reported_and_costs_nothing_committed) {
    struct Case {
        FileOp op;
        Fault fault;
        std::uint64_t last;
    };
    const Case cases[] = {
        {FileOp::open, Fault::io_error, 4},    {FileOp::read, Fault::io_error, 20},
        {FileOp::write, Fault::io_error, 90},  {FileOp::write, Fault::torn_write, 90},
        {FileOp::write, Fault::disk_full, 90}, {FileOp::sync, Fault::io_error, 22},
        {FileOp::sync, Fault::lost_sync, 22},
    };
    int seen = 0;
    for (const Case& c : cases) {
        for (std::uint64_t nth = 1; nth <= c.last; ++nth) {
            ScriptedFaults faults;
            FaultVfs vfs{"sweep", faults};
            faults.at(c.op, nth, c.fault);
            Errc worst = Errc::not_found;
            const auto committed = live(vfs.name(), worst);
            const bool hit = worst != Errc::not_found;
            seen += hit ? 1 : 0;
            if (hit) {
                const bool expected = worst == Errc::storage_failed ||
                                      worst == Errc::storage_full || worst == Errc::corrupt;
                EXPECT_TRUE(expected) << to_text(worst) << " at " << nth;
            }
            faults.clear();
            vfs.power_cut();
            auto again = SqliteConnection::open({.path = "e.db", .vfs = vfs.name()});
            ASSERT_TRUE(again) << describe(again.error()) << " at " << nth;
            ASSERT_TRUE((*again)->quick_check());
            if (committed.empty()) continue;
            const auto found = sql::all(**again, select_ids, first_integer);
            ASSERT_TRUE(found) << describe(found.error());
            EXPECT_TRUE(std::ranges::includes(*found, committed))
                << "operation " << static_cast<int>(c.op) << " number " << nth;
        }
    }
    EXPECT_GT(seen, 200);
}

TEST_F(OnFaultyDisk, an_io_error_breaks_the_connection_and_a_full_disk_does_not) {
    auto db = open();
    ASSERT_TRUE(db->execute(create));
    vfs.set_capacity(vfs.used_bytes());
    EXPECT_EQ(sql::run(*db, insert, 1, "x").error().code, Errc::storage_full);
    EXPECT_EQ(db->state(), sql::State::idle);
    vfs.set_capacity(1 << 30);
    EXPECT_TRUE(sql::run(*db, insert, 1, "x"));
    faults.at(FileOp::sync, vfs.count(FileOp::sync) + 1, Fault::io_error);
    const auto failed = sql::run(*db, insert, 2, "x");
    EXPECT_EQ(failed.error().code, Errc::storage_failed);
    EXPECT_THAT(failed.error().detail, HasSubstr("insert"));
    EXPECT_EQ(db->state(), sql::State::broken);
}

TEST_F(OnFaultyDisk, a_damaged_page_is_found_and_never_answered_as_if_it_were_good) {
    {
        auto db = open();
        ASSERT_TRUE(db->execute(create));
        for (int i = 0; i < 200; ++i) ASSERT_TRUE(sql::run(*db, insert, i, std::string(300, 'x')));
        ASSERT_TRUE(db->upkeep(sql::Upkeep::closing));
    }
    Bytes damaged = vfs.content("e.db");
    ASSERT_GT(damaged.size(), 5U * 4096);
    std::fill_n(damaged.begin() + 3 * 4096, 4096, std::uint8_t{0xEE});
    vfs.put("e.db", damaged);
    auto db = open();
    const auto checked = db->quick_check();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Errc::corrupt);
    EXPECT_EQ(sql::all(*db, select_ids, first_integer).error().code, Errc::corrupt);
    EXPECT_EQ(db->state(), sql::State::broken);
}

TEST_F(OnFaultyDisk, a_flipped_bit_in_any_read_is_no_crash) {
    {
        auto db = open();
        ASSERT_TRUE(db->execute(create));
        for (int i = 0; i < 100; ++i) ASSERT_TRUE(sql::run(*db, insert, i, std::string(300, 'x')));
        ASSERT_TRUE(db->upkeep(sql::Upkeep::closing));
    }
    for (std::uint64_t nth = 1; nth <= 20; ++nth) {
        faults.clear();
        faults.at(FileOp::read, vfs.count(FileOp::read) + nth, Fault::bit_flip);
        auto db = SqliteConnection::open({.path = "e.db", .vfs = vfs.name()});
        if (!db) continue;
        const auto rows = sql::all(**db, select_ids, first_integer);
        if (!rows) EXPECT_EQ(rows.error().code, Errc::corrupt);
    }
}

TEST_F(OnFaultyDisk, readers_that_close_last_leave_the_log_alone) {
    {
        auto db = open();
        ASSERT_TRUE(db->execute(create));
        ASSERT_TRUE(sql::run(*db, insert, 1, "x"));
        auto reader = open({.access = Access::read_only});
        ASSERT_TRUE(sql::all(*reader, select_ids, first_integer));
        db.reset();
        const auto writes = vfs.count(FileOp::write);
        reader.reset();
        EXPECT_EQ(vfs.count(FileOp::write), writes);
    }
    EXPECT_FALSE(vfs.content("e.db-wal").empty());
    const auto found = sql::all(*open(), select_ids, first_integer);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->size(), 1U);
}

bool holds(const Bytes& haystack, std::string_view needle) {
    return !std::ranges::search(haystack, needle).empty();
}

TEST_F(OnFaultyDisk, an_erased_key_is_in_no_file_after_the_next_idle_moment) {
    auto db = open();
    ASSERT_TRUE(db->execute(create));
    const std::string key = "this-is-the-key-of-one-person-32";
    ASSERT_TRUE(db->begin());
    for (int i = 0; i < 300; ++i)
        ASSERT_TRUE(sql::run(*db, insert, i, i == 150 ? key : std::string(200, 'x')));
    ASSERT_TRUE(db->commit());
    ASSERT_TRUE(db->upkeep(sql::Upkeep::closing));
    EXPECT_TRUE(holds(vfs.content("e.db"), key));

    // Whole pages are freed here, which secure_delete=FAST alone would leave as they were.
    ASSERT_TRUE(db->begin());
    ASSERT_TRUE(db->overwrite_deleted());
    for (int i = 100; i < 200; ++i) ASSERT_TRUE(sql::run(*db, remove, i));
    ASSERT_TRUE(db->commit());
    EXPECT_TRUE(holds(vfs.content("e.db"), key));
    ASSERT_TRUE(db->upkeep(sql::Upkeep::idle));
    EXPECT_FALSE(holds(vfs.content("e.db"), key));
    EXPECT_FALSE(holds(vfs.content("e.db-wal"), key));
    static constexpr Query mode{"mode", "PRAGMA secure_delete"};
    EXPECT_EQ(sql::one(*db, mode, first_integer).value_or(0), 2);
}

TEST_F(OnFaultyDisk, erasure_waits_for_a_reader_and_is_done_afterwards) {
    auto db = open();
    ASSERT_TRUE(db->execute(create));
    const std::string key = "this-is-the-key-of-one-person-32";
    ASSERT_TRUE(sql::run(*db, insert, 1, key));
    auto reader = open({.access = Access::read_only});
    ASSERT_TRUE(reader->begin());
    ASSERT_TRUE(sql::all(*reader, select_ids, first_integer));
    ASSERT_TRUE(db->begin());
    ASSERT_TRUE(db->overwrite_deleted());
    ASSERT_TRUE(sql::run(*db, remove, 1));
    ASSERT_TRUE(db->commit());
    ASSERT_TRUE(db->upkeep(sql::Upkeep::idle));
    EXPECT_TRUE(holds(vfs.content("e.db-wal"), key));
    reader->rollback();
    ASSERT_TRUE(db->upkeep(sql::Upkeep::idle));
    EXPECT_FALSE(holds(vfs.content("e.db-wal"), key));
    EXPECT_FALSE(holds(vfs.content("e.db"), key));
}

TEST_F(OnFaultyDisk, erasure_is_finished_after_a_crash) {
    const std::string key = "this-is-the-key-of-one-person-32";
    {
        auto db = open();
        ASSERT_TRUE(db->execute(create));
        ASSERT_TRUE(sql::run(*db, insert, 1, key));
        ASSERT_TRUE(db->begin());
        ASSERT_TRUE(db->overwrite_deleted());
        ASSERT_TRUE(sql::run(*db, remove, 1));
        ASSERT_TRUE(db->commit());
        vfs.power_cut();
    }
    EXPECT_TRUE(holds(vfs.content("e.db-wal"), key));
    auto db = open();
    ASSERT_TRUE(db->upkeep(sql::Upkeep::idle));
    EXPECT_FALSE(holds(vfs.content("e.db-wal"), key));
    EXPECT_FALSE(holds(vfs.content("e.db"), key));
}

TEST_F(OnFaultyDisk, upkeep_moves_the_log_only_when_there_is_enough_of_it) {
    auto db = open({.checkpoint_idle_bytes = 40'000, .checkpoint_busy_bytes = 200'000});
    ASSERT_TRUE(db->execute(create));
    const auto size = [&] { return vfs.content("e.db").size(); };
    ASSERT_TRUE(sql::run(*db, insert, 1, std::string(8'000, 'x')));
    const auto before = size();
    ASSERT_TRUE(db->upkeep(sql::Upkeep::idle));
    ASSERT_TRUE(db->upkeep(sql::Upkeep::busy));
    EXPECT_EQ(size(), before);
    ASSERT_TRUE(sql::run(*db, insert, 2, std::string(50'000, 'x')));
    ASSERT_TRUE(db->upkeep(sql::Upkeep::busy));
    EXPECT_EQ(size(), before);
    ASSERT_TRUE(db->upkeep(sql::Upkeep::idle));
    EXPECT_GT(size(), before);
    const auto middle = size();
    ASSERT_TRUE(sql::run(*db, insert, 3, std::string(250'000, 'x')));
    ASSERT_TRUE(db->upkeep(sql::Upkeep::busy));
    EXPECT_GT(size(), middle);
}

TEST(SqliteStatementDeathTest, a_parameter_that_was_not_bound_is_a_programming_error) {
    ScriptedFaults faults;
    FaultVfs vfs{"unbound", faults};
    auto db = SqliteConnection::open({.path = "e.db", .vfs = vfs.name()});
    ASSERT_TRUE(db && (*db)->execute(create));
    EXPECT_DEATH((void)sql::run(**db, insert, 1), "invariant broken");
    EXPECT_DEATH((void)sql::run(**db, insert, 1, "x", 2), "invariant broken");
}

}  // namespace
}  // namespace blotter::store
