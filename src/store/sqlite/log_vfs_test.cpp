#include "store/sqlite/log_vfs.hpp"

#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace blotter::store {
namespace {

namespace fs = std::filesystem;

/// A log opened through the VFS, as SQLite does it, in a folder of its own.
class LogVfs : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() /
                  fs::path{testing::UnitTest::GetInstance()->current_test_info()->name()};
        fs::remove_all(folder_);
        fs::create_directories(folder_);
        // A log gets the rights of its database.
        std::ofstream{folder_ / "t.db"};
        path_ = (folder_ / "t.db-wal").string();
        vfs_ = sqlite3_vfs_find(log_vfs());
        ASSERT_NE(vfs_, nullptr);
        memory_.resize(static_cast<std::size_t>(vfs_->szOsFile));
        file_ = reinterpret_cast<sqlite3_file*>(memory_.data());
        int got = 0;
        ASSERT_EQ(vfs_->xOpen(vfs_, path_.c_str(), file_,
                              SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &got),
                  SQLITE_OK);
    }
    void TearDown() override {
        if (file_->pMethods != nullptr) file_->pMethods->xClose(file_);
        fs::remove_all(folder_);
    }
    int write(const std::string& text, sqlite3_int64 at) {
        return file_->pMethods->xWrite(file_, text.data(), static_cast<int>(text.size()), at);
    }
    int sync() { return file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL); }
    /// From here on the log can be written, but not synced.
    void refuse_syncs() {
        const int refusing = open("/dev/zero", O_RDWR | O_CLOEXEC);
        ASSERT_GE(refusing, 0);
        ASSERT_NE(fdatasync(refusing), 0);
        bool found = false;
        for (const fs::directory_entry& one : fs::directory_iterator{"/proc/self/fd"}) {
            std::error_code gone;
            if (fs::read_symlink(one.path(), gone) != path_) continue;
            const std::string name = one.path().filename();
            int number = -1;
            std::from_chars(name.data(), name.data() + name.size(), number);
            ASSERT_GE(dup2(refusing, number), 0);
            found = true;
        }
        close(refusing);
        ASSERT_TRUE(found);
    }
    std::string on_disk() const {
        std::ifstream in{path_, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }

    fs::path folder_;
    std::string path_;
    sqlite3_vfs* vfs_ = nullptr;
    std::vector<char> memory_;
    sqlite3_file* file_ = nullptr;
};

TEST_F(LogVfs, hands_over_what_follows_in_one_piece_when_the_log_is_synced) {
    EXPECT_EQ(write("head", 0), SQLITE_OK);
    EXPECT_EQ(write("page", 4), SQLITE_OK);
    EXPECT_EQ(on_disk(), "") << "nothing is written yet";
    EXPECT_EQ(sync(), SQLITE_OK);
    EXPECT_EQ(on_disk(), "headpage");
}

TEST_F(LogVfs, keeps_the_order_of_writes_that_do_not_follow_each_other) {
    EXPECT_EQ(write("aaaa", 0), SQLITE_OK);
    EXPECT_EQ(write("bb", 1), SQLITE_OK);
    EXPECT_EQ(on_disk(), "aaaa") << "the first had to go";
    EXPECT_EQ(sync(), SQLITE_OK);
    EXPECT_EQ(on_disk(), "abba");
}

TEST_F(LogVfs, lets_itself_be_read_measured_and_cut_as_if_nothing_were_gathered) {
    EXPECT_EQ(write("0123456789", 0), SQLITE_OK);
    std::string read(4, ' ');
    EXPECT_EQ(file_->pMethods->xRead(file_, read.data(), 4, 3), SQLITE_OK);
    EXPECT_EQ(read, "3456");
    EXPECT_EQ(write("ab", 10), SQLITE_OK);
    sqlite3_int64 size = 0;
    EXPECT_EQ(file_->pMethods->xFileSize(file_, &size), SQLITE_OK);
    EXPECT_EQ(size, 12);
    EXPECT_EQ(write("c", 12), SQLITE_OK);
    EXPECT_EQ(file_->pMethods->xTruncate(file_, 5), SQLITE_OK);
    EXPECT_EQ(on_disk(), "01234");
}

TEST_F(LogVfs, writes_what_is_gathered_before_it_closes) {
    EXPECT_EQ(write("last", 0), SQLITE_OK);
    EXPECT_EQ(file_->pMethods->xClose(file_), SQLITE_OK);
    file_->pMethods = nullptr;
    EXPECT_EQ(on_disk(), "last");
}

TEST_F(LogVfs, hands_over_more_than_the_system_layer_takes_at_once_in_several_pieces) {
    std::string all;
    for (int i = 0; i < 100; ++i) {
        const std::string page(4'096, static_cast<char>('a' + i % 26));
        EXPECT_EQ(write(page, static_cast<sqlite3_int64>(all.size())), SQLITE_OK);
        all += page;
    }
    EXPECT_LT(all.size() - on_disk().size(), 128U * 1024);
    EXPECT_EQ(sync(), SQLITE_OK);
    EXPECT_EQ(on_disk(), all);
}

TEST_F(LogVfs, does_not_sync_again_what_was_synced) {
    EXPECT_EQ(write("head", 0), SQLITE_OK);
    EXPECT_EQ(sync(), SQLITE_OK);
    refuse_syncs();
    EXPECT_EQ(sync(), SQLITE_OK) << "nothing was changed";
    EXPECT_EQ(write("page", 4), SQLITE_OK);
    EXPECT_NE(sync(), SQLITE_OK);
    EXPECT_NE(sync(), SQLITE_OK) << "one that failed does not count";
}

TEST_F(LogVfs, syncs_a_log_that_it_has_only_opened) {
    refuse_syncs();
    EXPECT_NE(sync(), SQLITE_OK);
}

TEST_F(LogVfs, syncs_a_log_that_was_cut) {
    EXPECT_EQ(write("head", 0), SQLITE_OK);
    EXPECT_EQ(sync(), SQLITE_OK);
    EXPECT_EQ(file_->pMethods->xTruncate(file_, 2), SQLITE_OK);
    refuse_syncs();
    EXPECT_NE(sync(), SQLITE_OK);
}

TEST_F(LogVfs, reports_a_write_that_failed_with_the_sync_that_needed_it) {
    // A file that cannot grow: everything beyond the limit of an offset is refused by the system.
    EXPECT_EQ(write("x", sqlite3_int64{1} << 62), SQLITE_OK);
    EXPECT_NE(sync(), SQLITE_OK);
    EXPECT_EQ(write("fine", 0), SQLITE_OK);
    EXPECT_EQ(sync(), SQLITE_OK);
    EXPECT_EQ(on_disk(), "fine");
}

}  // namespace
}  // namespace blotter::store
