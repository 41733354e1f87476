#include "api/request_log.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "store/migrate.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::api {
namespace {

using namespace std::chrono_literals;

using store::must;

/// The log on a new store. The writer runs when the test says so.
struct RequestLogTest : testing::Test {
    RequestLogTest() {
        const std::string path = folder / "blotter.db";
        auto opened = must(store::SqliteConnection::open({.path = path, .clock = &clock}));
        must(store::migrate(*opened, {.known = store::migrations(), .now = clock.wall()}));
        reader = must(store::SqliteConnection::open(
            {.path = path, .access = store::Access::read_only, .clock = &clock}));
        writer.emplace(std::move(opened), store::Writer::Options{});
        requests.emplace(RequestLog::Parts{loop, *writer, log, dropped}, options);
        requests->start();
        loop.poll();
    }
    ~RequestLogTest() override {
        if (!stopped) stop();
        requests.reset();
        writer.reset();
        reader.reset();
        std::filesystem::remove_all(folder);
    }

    void note(int count) {
        for (int i = 0; i < count; ++i)
            requests->note(1, {.at = clock.wall(),
                               .method = "GET",
                               .path = "/" + std::to_string(++noted),
                               .status = 200,
                               .remote = "127.0.0.1",
                               .request_id = "r"});
    }
    void stop() {
        stopped = true;
        runtime::TaskGroup stopping{loop};
        stopping.spawn(requests->stop());
        while (stopping.size() > 0) {
            loop.poll();
            writer->drain();
        }
    }
    /// The paths of what has been written, after everything has run that was ready.
    std::vector<std::string> written() {
        loop.poll();
        writer->drain();
        loop.poll();
        must(reader->begin());
        const auto page = must(store::list_request_log(
            *reader, 1, {.limit = 1'000, .order = store::Order::oldest_first}));
        reader->rollback();
        std::vector<std::string> out;
        for (const store::RequestLogRow& row : page.rows) out.push_back(row.path);
        return out;
    }

    static constexpr RequestLog::Options options{.per_period_max = 10, .slice = 4, .period = 1s};

    std::filesystem::path folder = store::make_folder();
    runtime::ManualClock clock;
    runtime::Loop loop{clock};
    struct Nowhere final : observe::LogSink {
        void write(std::string_view) override {}
    } nowhere;
    observe::Logger log{{}, nowhere, [this] { return clock.wall(); }};
    observe::Counter dropped;
    std::unique_ptr<store::SqliteConnection> reader;
    std::optional<store::Writer> writer;
    std::optional<RequestLog> requests;
    int noted = 0;
    bool stopped = false;
};

using Paths = std::vector<std::string>;

TEST_F(RequestLogTest, writes_what_came_when_the_period_ends) {
    note(3);
    EXPECT_EQ(written(), Paths{});
    clock.advance(999ms);
    EXPECT_EQ(written(), Paths{});
    clock.advance(1ms);
    EXPECT_EQ(written(), (Paths{"/1", "/2", "/3"}));
}

TEST_F(RequestLogTest, does_not_wait_once_a_slice_is_there) {
    note(4);
    EXPECT_EQ(written(), (Paths{"/1", "/2", "/3", "/4"}));
    note(3);
    EXPECT_EQ(written().size(), 4U) << "no slice yet";
    note(1);
    EXPECT_EQ(written().size(), 8U) << "in the same period";
}

TEST_F(RequestLogTest, writes_a_slice_that_came_while_another_was_being_written) {
    note(4);
    loop.poll();  // the first is on its way
    note(5);
    loop.poll();
    EXPECT_EQ(written().size(), 4U);
    EXPECT_EQ(written().size(), 9U) << "without a further request or the end of the period";
}

TEST_F(RequestLogTest, drops_and_counts_what_comes_past_the_bound_of_a_period) {
    note(12);
    EXPECT_EQ(dropped.value(), 2U);
    EXPECT_EQ(written().size(), 10U);
    note(1);
    EXPECT_EQ(dropped.value(), 3U) << "what was written counts until the period ends";
    clock.advance(1s);
    loop.poll();
    note(4);
    EXPECT_EQ(dropped.value(), 3U);
    EXPECT_EQ(written().size(), 14U);
}

TEST_F(RequestLogTest, writes_the_rest_when_it_stops) {
    note(2);
    stop();
    EXPECT_EQ(written(), (Paths{"/1", "/2"}));
}

}  // namespace
}  // namespace blotter::api
