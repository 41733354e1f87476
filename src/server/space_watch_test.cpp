#include "server/space_watch.hpp"

#include <gtest/gtest.h>

namespace blotter::server {
namespace {

using namespace std::chrono_literals;

/// The machine's disk, but with as much free space as a test wants.
class RoomyDisk final : public runtime::Disk {
  public:
    Result<std::unique_ptr<runtime::FileWriter>> create(const std::filesystem::path& p) override {
        return real_->create(p);
    }
    Result<std::unique_ptr<runtime::FileReader>> open(const std::filesystem::path& p) override {
        return real_->open(p);
    }
    Result<std::string> read_all(const std::filesystem::path& p, std::size_t max) override {
        return real_->read_all(p, max);
    }
    Result<> rename(const std::filesystem::path& a, const std::filesystem::path& b) override {
        return real_->rename(a, b);
    }
    Result<> remove(const std::filesystem::path& p) override { return real_->remove(p); }
    Result<> make_directories(const std::filesystem::path& p) override {
        return real_->make_directories(p);
    }
    Result<std::vector<std::filesystem::path>> list(const std::filesystem::path& p) override {
        return real_->list(p);
    }
    Result<std::uint64_t> free_bytes(const std::filesystem::path&) override {
        ++asked;
        if (broken) return fail(Errc::storage_failed, "the disk does not answer");
        return free;
    }

    std::uint64_t free = 1'000;
    bool broken = false;
    int asked = 0;

  private:
    std::unique_ptr<runtime::Disk> real_ = runtime::make_system_disk();
};

struct SpaceWatchTest : testing::Test {
    runtime::ManualClock clock;
    runtime::Loop loop{clock};
    runtime::InlineOffload offload;
    RoomyDisk disk;
    struct Nowhere final : observe::LogSink {
        void write(std::string_view) override {}
    } nowhere;
    observe::Logger log{{}, nowhere, [this] { return clock.wall(); }};
    api::DiskSpace space{500};
    runtime::TaskGroup tasks{loop};
    SpaceWatch watch{{loop, offload, disk, log, space, "/"}};

    void start() {
        watch.start();
        while (loop.poll() > 0) {
        }
    }
    void pass_a_second() {
        clock.advance(1s);
        while (loop.poll() > 0) {
        }
    }
};

TEST_F(SpaceWatchTest, refuses_while_the_disk_has_less_and_takes_again_when_it_has_more) {
    space.set_free(disk.free);
    start();
    EXPECT_TRUE(space.check());
    disk.free = 499;
    pass_a_second();
    ASSERT_FALSE(space.check());
    EXPECT_EQ(space.check().error().code, Errc::storage_full);
    EXPECT_NE(space.check().error().detail.find("data.free_bytes_min"), std::string::npos);
    disk.free = 500;
    pass_a_second();
    EXPECT_TRUE(space.check());
    EXPECT_EQ(disk.asked, 2);
    tasks.spawn(watch.stop());
    while (loop.poll() > 0) {
    }
    pass_a_second();
    EXPECT_EQ(disk.asked, 2);
}

TEST_F(SpaceWatchTest, believes_what_it_knew_while_the_disk_does_not_answer) {
    disk.free = 1;
    space.set_free(disk.free);
    start();
    disk.broken = true;
    pass_a_second();
    EXPECT_FALSE(space.check());
    disk.broken = false;
    disk.free = 1'000;
    pass_a_second();
    EXPECT_TRUE(space.check());
    tasks.spawn(watch.stop());
    while (loop.poll() > 0) {
    }
}

}  // namespace
}  // namespace blotter::server
