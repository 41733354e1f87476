#include "store/backup.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/sqlite/sqlite_connection.hpp"

namespace blotter::store {
namespace {

namespace fs = std::filesystem;
using sql::Query;
using testing::HasSubstr;

constexpr Query insert_entry{"insert", "INSERT INTO entry (id, body) VALUES (?1, ?2)"};
constexpr Query insert_key{"insert key",
                           "INSERT INTO \"subject key\" (id, wrapped) VALUES (?1, ?2)"};
constexpr Query count_entries{"count", "SELECT count(*) FROM entry"};
constexpr Query count_keys{"count keys", "SELECT count(*) FROM \"subject key\""};
constexpr Query read_key{"read key", "SELECT wrapped FROM \"subject key\" WHERE id = 5"};

struct BackupTest : testing::Test {
    BackupTest() {
        std::string name = (fs::temp_directory_path() / "blotter_backup_XXXXXX").string();
        directory = ::mkdtemp(name.data());
        fs::create_directory(directory / "live");
        options = {.source = directory / "live" / "blotter.db",
                   .target = directory / "copy.db",
                   .keys_table = "subject key",
                   .keys_target = directory / "keys.db"};
        db = *SqliteConnection::open({.path = options.source});
        EXPECT_TRUE(db->execute(
            "CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT NOT NULL);"
            "CREATE TABLE \"subject key\" (id INTEGER PRIMARY KEY, wrapped BLOB) WITHOUT ROWID;"));
        EXPECT_TRUE(db->begin());
        for (int i = 0; i < 500; ++i) {
            EXPECT_TRUE(sql::run(*db, insert_entry, i, std::string(500, 'e')));
            EXPECT_TRUE(sql::run(*db, insert_key, i, key_of(i)));
        }
        EXPECT_TRUE(db->commit());
    }
    ~BackupTest() override { fs::remove_all(directory); }

    static std::string key_of(int i) { return "wrapped-key-number-" + std::to_string(10'000 + i); }
    static std::string content(const fs::path& file) {
        std::ifstream in{file, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& entry : fs::directory_iterator{directory})
            found.push_back(entry.path().filename().string());
        std::ranges::sort(found);
        return found;
    }
    static std::int64_t count(const fs::path& file, const Query& query) {
        auto opened = SqliteConnection::open({.path = file, .access = Access::read_only});
        EXPECT_TRUE(opened) << describe(opened.error());
        EXPECT_TRUE((*opened)->quick_check());
        const auto n =
            sql::one(**opened, query, [](const sql::Statement& row) { return row.integer(0); });
        EXPECT_TRUE(n && *n);
        return n ? n->value_or(-1) : -1;
    }

    fs::path directory;
    BackupOptions options;
    std::unique_ptr<SqliteConnection> db;
};

TEST_F(BackupTest, the_copy_is_whole_and_the_keys_are_in_a_file_of_their_own) {
    const auto report = backup(options);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_EQ(report->keys, 500);
    EXPECT_EQ(report->bytes, report->pages * 4096);
    EXPECT_EQ(names(), (std::vector<std::string>{"copy.db", "keys.db", "live"}));
    EXPECT_EQ(count(options.target, count_entries), 500);
    EXPECT_EQ(count(options.target, count_keys), 0);
    EXPECT_EQ(count(options.keys_target, count_keys), 500);
    // Not only unlinked: no key is left in any page of the copy.
    EXPECT_EQ(content(options.target).find("wrapped-key-number-"), std::string::npos);
    EXPECT_NE(content(options.keys_target).find(key_of(499)), std::string::npos);
    for (const auto& file : {options.target, options.keys_target}) {
        struct stat info{};
        ASSERT_EQ(::stat(file.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777U, 0600U) << file;
    }
    // The live database is as it was.
    EXPECT_EQ(count(options.source, count_keys), 500);
}

TEST_F(BackupTest, a_copy_can_be_put_in_place_and_written_to_again) {
    options.keys_table.clear();
    options.keys_target.clear();
    ASSERT_TRUE(backup(options));
    auto restored = SqliteConnection::open({.path = options.target});
    ASSERT_TRUE(restored) << describe(restored.error());
    EXPECT_TRUE(sql::run(**restored, insert_entry, 1'000, "new"));
    const auto key = sql::one(**restored, read_key,
                              [](const sql::Statement& row) { return sql::string_at(row, 0); });
    ASSERT_TRUE(key && *key);
    EXPECT_EQ(**key, key_of(5));
}

TEST_F(BackupTest, is_one_moments_state_while_writing_goes_on) {
    options.pages_per_step = 3;
    std::int64_t calls = 0;
    std::int64_t last = 0;
    options.progress = [&](std::int64_t done, std::int64_t all) {
        EXPECT_GT(done, last);
        EXPECT_LE(done, all);
        last = done;
        EXPECT_TRUE(sql::run(*db, insert_entry, 1'000 + calls++, "during"));
        return true;
    };
    const auto report = backup(options);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_GT(calls, 10);
    EXPECT_EQ(last, report->pages);
    EXPECT_EQ(count(options.target, count_entries), 500);
    EXPECT_EQ(count(options.source, count_entries), 500 + calls);
}

TEST_F(BackupTest, never_overwrites_and_leaves_nothing_after_a_failure) {
    for (const char* name : {"copy.db", "copy.db.part", "keys.db"}) {
        std::ofstream{directory / name} << "precious";
        const auto report = backup(options);
        ASSERT_FALSE(report) << name;
        EXPECT_EQ(report.error().code, Errc::conflict);
        EXPECT_THAT(report.error().detail, HasSubstr(name));
        EXPECT_EQ(content(directory / name), "precious");
        fs::remove(directory / name);
        EXPECT_EQ(names(), std::vector<std::string>{"live"}) << name;
    }
    options.keys_table = "nothing";
    EXPECT_EQ(backup(options).error().code, Errc::not_found);
    EXPECT_EQ(names(), std::vector<std::string>{"live"});
    options.source = directory / "live" / "other.db";
    EXPECT_EQ(backup(options).error().code, Errc::not_found);
    EXPECT_FALSE(fs::exists(options.source));
}

TEST_F(BackupTest, stops_when_told_to) {
    options.pages_per_step = 1;
    options.progress = [](std::int64_t done, std::int64_t) { return done < 3; };
    const auto report = backup(options);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Errc::cancelled);
    EXPECT_EQ(names(), std::vector<std::string>{"live"});
}

TEST_F(BackupTest, a_damaged_database_gives_no_backup) {
    ASSERT_TRUE(db->upkeep(sql::Upkeep::closing));
    db.reset();
    {
        std::fstream file{options.source, std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(20 * 4096);
        file << std::string(4'096, '\xEE');
    }
    const auto report = backup(options);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Errc::corrupt);
    EXPECT_EQ(names(), std::vector<std::string>{"live"});
}

}  // namespace
}  // namespace blotter::store
