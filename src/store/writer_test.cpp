#include "store/writer.hpp"

#include <atomic>
#include <map>
#include <thread>

#include "runtime/task_group.hpp"
#include "store/test_writer.hpp"

namespace blotter::store {
namespace {

TEST_F(WriterTest, commits_what_is_waiting_in_one_group_and_in_order) {
    make();
    const auto syncs = vfs.count(FileOp::sync);
    std::string order;
    for (int i = 1; i <= 3; ++i)
        submit(std::to_string(i), [&order, i](Tx& tx) -> Result<> {
            order += std::to_string(i) + " ";
            tx.after_commit([&order, i] { order += "c" + std::to_string(i) + " "; });
            tx.after_rollback([&order] { order += "never"; });
            return sql::run(tx.db(), insert, i, "x");
        });
    EXPECT_EQ(log, "");
    EXPECT_EQ(writer->figures().queued, 3U);
    EXPECT_EQ(writer->drain(), 3U);
    EXPECT_EQ(log, "1:ok 2:ok 3:ok ");
    EXPECT_EQ(order, "1 2 3 c1 c2 c3 ");
    EXPECT_EQ(vfs.count(FileOp::sync), syncs + 1);
    EXPECT_EQ(writer->figures().commits, 1U);
    EXPECT_EQ(writer->figures().jobs, 3U);
    EXPECT_EQ(writer->figures().queued, 0U);
    EXPECT_EQ(writer->drain(), 0U);
    EXPECT_EQ(stored(), (Ids{1, 2, 3}));
}

TEST_F(WriterTest, a_group_has_at_most_ops_max_jobs) {
    std::vector<std::size_t> sizes;
    make({.ops_max = 4, .on_commit = [&](const Writer::Commit& c) { sizes.push_back(c.jobs); }});
    for (int i = 0; i < 10; ++i) submit("j", put(i));
    EXPECT_EQ(writer->drain(), 10U);
    EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 4, 2}));
}

TEST_F(WriterTest, a_failing_job_is_undone_alone) {
    make();
    std::string hooks;
    submit("a", put(1));
    submit("b", [&](Tx& tx) -> Result<> {
        tx.after_rollback([&] { hooks += "undone "; });
        tx.after_commit([&] { hooks += "never "; });
        CHECK(sql::run(tx.db(), insert, 2, "half"));
        return fail(Errc::precondition_failed, "not now");
    });
    submit("c", put(3));
    submit("d", put(1));
    submit("e", put(4));
    writer->drain();
    EXPECT_EQ(log, "a:ok b:precondition_failed c:ok d:conflict e:ok ");
    EXPECT_EQ(hooks, "undone ");
    EXPECT_EQ(stored(), (Ids{1, 3, 4}));
    EXPECT_EQ(writer->figures().failed_jobs, 2U);
    EXPECT_TRUE(broken.empty());
}

TEST_F(WriterTest, a_failing_job_that_is_alone_in_its_group_is_undone_too) {
    make();
    submit("a", [](Tx& tx) -> Result<> {
        CHECK(sql::run(tx.db(), insert, 2, "half"));
        return fail(Errc::precondition_failed, "not now");
    });
    writer->drain();
    submit("b", put(1));
    writer->drain();
    EXPECT_EQ(log, "a:precondition_failed b:ok ");
    EXPECT_EQ(stored(), Ids{1});
}

TEST_F(WriterTest, a_job_that_fails_before_it_changes_anything_needs_no_savepoint) {
    make();
    submit("a", put(1), Undo::not_needed);
    submit("b", put(1), Undo::not_needed);
    submit("c", put(2));
    submit("d", put(3), Undo::not_needed);
    writer->drain();
    EXPECT_EQ(log, "a:ok b:conflict c:ok d:ok ");
    EXPECT_EQ(stored(), (Ids{1, 2, 3}));
}

TEST_F(WriterTest, a_job_that_breaks_its_promise_takes_the_group_with_it) {
    make();
    submit("a", put(1), Undo::not_needed);
    submit(
        "b",
        [](Tx& tx) -> Result<> {
            CHECK(sql::run(tx.db(), insert, 2, "half"));
            return fail(Errc::precondition_failed, "not now");
        },
        Undo::not_needed);
    submit("c", put(3), Undo::not_needed);
    writer->drain();
    EXPECT_EQ(taken_log(), "a:unavailable b:precondition_failed c:unavailable ");
    EXPECT_TRUE(broken.empty());
    submit("d", put(4), Undo::not_needed);
    writer->drain();
    EXPECT_EQ(stored(), Ids{4});
}

/// Adds to a list of which the first one holds back the writing, as the ledger does.
struct SharedList {
    Work add(std::int64_t id, Result<> outcome = {}) {
        return [this, id, outcome](Tx& tx) -> Result<> {
            if (unwritten.empty())
                tx.before_commit([this, &db = tx.db()]() -> Result<> {
                    for (const std::int64_t one : std::exchange(unwritten, {}))
                        CHECK(sql::run(db, insert, one, "held back"));
                    return {};
                });
            unwritten.push_back(id);
            tx.changed();
            tx.after_rollback([this] { unwritten.clear(); });
            return outcome;
        };
    }
    Ids unwritten;
};

TEST_F(WriterTest, what_is_held_back_is_written_with_the_group) {
    make();
    SharedList list;
    submit("a", list.add(1), Undo::not_needed);
    submit("b", list.add(2), Undo::not_needed);
    writer->drain();
    submit("alone", list.add(3));
    writer->drain();
    EXPECT_EQ(log, "a:ok b:ok alone:ok ");
    EXPECT_EQ(stored(), (Ids{1, 2, 3}));
}

TEST_F(WriterTest, what_is_held_back_is_not_undone_with_somebody_else) {
    make();
    SharedList list;
    submit("a", list.add(1), Undo::not_needed);
    submit("b", list.add(2, fail(Errc::precondition_failed, "not now")));
    submit("c", list.add(3));
    submit("d", list.add(4), Undo::not_needed);
    writer->drain();
    EXPECT_EQ(log, "a:ok b:precondition_failed c:ok d:ok ");
    EXPECT_EQ(stored(), (Ids{1, 3, 4}));
}

TEST_F(WriterTest, who_fails_with_something_held_back_takes_the_group_along) {
    make();
    SharedList list;
    submit("a", list.add(1), Undo::not_needed);
    submit("b", list.add(2, fail(Errc::precondition_failed, "not now")), Undo::not_needed);
    writer->drain();
    EXPECT_EQ(taken_log(), "a:unavailable b:precondition_failed ");
    submit("c", list.add(3), Undo::not_needed);
    writer->drain();
    EXPECT_EQ(stored(), Ids{3});
}

TEST_F(WriterTest, a_group_fails_with_what_it_held_back) {
    make();
    submit("before", put(1));
    writer->drain();
    SharedList list;
    submit("a", put(5), Undo::not_needed);
    submit("b", list.add(1), Undo::not_needed);
    writer->drain();
    EXPECT_EQ(log, "before:ok a:conflict b:conflict ");
    EXPECT_EQ(stored(), Ids{1});
    EXPECT_TRUE(broken.empty());
}

TEST_F(WriterTest, a_job_that_throws_fails_like_any_other) {
    make();
    submit("a", put(1));
    submit("b", [](Tx& tx) -> Result<> {
        CHECK(sql::run(tx.db(), insert, 2, "half"));
        throw std::runtime_error{"oops"};
    });
    submit("c", put(3));
    writer->drain();
    EXPECT_EQ(log, "a:ok b:internal c:ok ");
    EXPECT_EQ(stored(), (Ids{1, 3}));
}

TEST_F(WriterTest, a_job_that_ends_the_transaction_itself_takes_the_group_with_it) {
    make();
    submit("a", put(1));
    submit("b", [](Tx& tx) -> Result<> {
        tx.db().rollback();
        return {};
    });
    submit("c", put(3));
    writer->drain();
    EXPECT_EQ(taken_log(), "a:storage_failed b:storage_failed c:storage_failed ");
    submit("d", put(4));
    writer->drain();
    EXPECT_EQ(log, "d:ok ");
    EXPECT_EQ(stored(), Ids{4});
}

TEST_F(WriterTest, a_full_queue_refuses_at_once) {
    make({.queue_max = 2});
    submit("a", put(1));
    submit("b", put(2));
    submit("c", put(3));
    EXPECT_EQ(taken_log(), "c:overloaded ");
    writer->drain();
    submit("d", put(4));
    writer->drain();
    EXPECT_EQ(log, "a:ok b:ok d:ok ");
}

TEST_F(WriterTest, stop_finishes_what_was_submitted_and_refuses_the_rest) {
    make();
    submit("a", put(1));
    submit("b", put(2));
    writer->stop();
    EXPECT_EQ(taken_log(), "a:ok b:ok ");
    submit("c", put(3));
    EXPECT_EQ(log, "c:cancelled ");
    writer->stop();
    // A clean end leaves one file: everything is in the database and the log is empty.
    EXPECT_TRUE(vfs.content("blotter.db-wal").empty());
    EXPECT_EQ(stored(), (Ids{1, 2}));
}

TEST_F(WriterTest, takes_work_from_many_threads_and_keeps_each_threads_order) {
    constexpr int threads = 4;
    constexpr int each = 500;
    make({.ops_max = 64});
    writer->start();
    std::vector<std::vector<int>> finished(threads);
    std::atomic<int> ran{0};
    {
        std::vector<std::jthread> submitters;
        submitters.reserve(threads);
        for (int t = 0; t < threads; ++t)
            submitters.emplace_back([&, t] {
                for (int i = 0; i < each; ++i)
                    writer->submit(std::make_unique<TestJob>(
                        [&ran, id = t * each + i](Tx& tx) {
                            ran.fetch_add(1);
                            return sql::run(tx.db(), insert, id, "x");
                        },
                        [&finished, t, i](Result<> outcome) {
                            ASSERT_TRUE(outcome);
                            finished[static_cast<std::size_t>(t)].push_back(i);
                        }));
            });
    }
    writer->stop();
    EXPECT_EQ(ran.load(), threads * each);
    for (const auto& order : finished) {
        EXPECT_EQ(order.size(), static_cast<std::size_t>(each));
        EXPECT_TRUE(std::ranges::is_sorted(order));
    }
    EXPECT_EQ(writer->figures().jobs, static_cast<std::uint64_t>(threads * each));
    EXPECT_EQ(stored().size(), static_cast<std::size_t>(threads * each));
}

TEST_F(WriterTest, a_group_is_what_came_while_the_one_before_was_under_way) {
    std::vector<std::size_t> sizes;
    std::atomic<int> done{0};
    std::atomic<bool> begun{false};
    std::atomic<bool> all_there{false};
    make({.ops_max = 3, .on_commit = [&](const Writer::Commit& c) { sizes.push_back(c.jobs); }});
    const auto add = [&](auto work) {
        writer->submit(std::make_unique<TestJob>(std::move(work), [&](Result<>) { ++done; }));
    };
    writer->start();
    add([&, work = put(0)](Tx& tx) mutable -> Result<> {
        begun = true;
        while (!all_there) std::this_thread::yield();
        return work(tx);
    });
    while (!begun) std::this_thread::yield();
    for (int i = 1; i <= 4; ++i) add(put(i));
    all_there = true;
    while (done < 5) std::this_thread::yield();
    writer->stop();
    EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 3, 1}));
    EXPECT_EQ(stored().size(), 5U);
}

TEST_F(WriterTest, what_is_wanted_soon_goes_along_with_what_is_wanted_now) {
    std::vector<std::size_t> sizes;
    // Alone it would wait for an hour.
    make({.idle_after = Duration{3'600'000},
          .on_commit = [&](const Writer::Commit& c) { sizes.push_back(c.jobs); }});
    writer->start();
    std::atomic<int> done{0};
    const auto add = [&](int id, Urgency wanted) {
        auto job = std::make_unique<TestJob>(put(id), [&](Result<>) { ++done; });
        job->wanted = wanted;
        writer->submit(std::move(job));
    };
    for (int round = 0; round < 3; ++round) {
        add(3 * round, Urgency::soon);
        add(3 * round + 1, Urgency::soon);
        add(3 * round + 2, Urgency::now);
        while (done < 3 * (round + 1)) std::this_thread::yield();
    }
    add(9, Urgency::soon);
    writer->stop();
    EXPECT_EQ(done.load(), 10);
    EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 3, 1}));
}

TEST_F(WriterTest, what_is_wanted_soon_is_written_alone_when_nothing_else_comes) {
    make({.idle_after = Duration{1}});
    writer->start();
    for (int id = 0; id < 3; ++id) {
        std::atomic<int> done{0};
        auto job = std::make_unique<TestJob>(put(id), [&](Result<>) { ++done; });
        job->wanted = Urgency::soon;
        writer->submit(std::move(job));
        while (done < 1) std::this_thread::yield();
    }
    writer->stop();
}

TEST_F(WriterTest, after_small_commits_the_log_is_moved_early) {
    make();
    for (int i = 0; i < 300; ++i) {
        submit("j", put(i, std::string(10'000, 'x')));
        writer->drain();
    }
    // A third of what lets a log start again.
    EXPECT_GT(vfs.content("blotter.db").size(), 1U << 20);
}

TEST_F(WriterTest, an_idle_writer_moves_the_log_into_the_database) {
    make({.idle_after = Duration{1}});
    writer->start();
    const std::string body(100'000, 'x');
    std::atomic<int> done{0};
    for (int i = 0; i < 20; ++i)
        writer->submit(std::make_unique<TestJob>(put(i, body), [&](Result<>) { ++done; }));
    // Far more than checkpoint_idle_bytes: soon the database itself holds it.
    while (vfs.content("blotter.db").size() < 20 * body.size()) std::this_thread::yield();
    EXPECT_EQ(done.load(), 20);
}

TEST_F(WriterTest, under_load_the_log_is_moved_when_it_grows_large) {
    make();
    const std::string body(1 << 20, 'x');
    for (int i = 0; i < 60; ++i) {
        submit("j", put(i, body));
        writer->drain();
        ASSERT_LE(vfs.content("blotter.db-wal").size(), 20U << 20) << "after " << i;
    }
}

TEST_F(WriterTest, work_from_a_coroutine_resumes_on_its_loop_with_the_value) {
    make();
    writer->start();
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::TaskGroup tasks{loop};
    std::string got;
    const auto task = [](runtime::Loop& on, Writer& w, std::string& out) -> runtime::Task<> {
        const Result<std::int64_t> good = co_await write(on, w, [](Tx& tx) -> Result<std::int64_t> {
            CHECK(sql::run(tx.db(), insert, 41, "x"));
            return tx.db().last_insert_id();
        });
        out += good ? std::to_string(*good) : describe(good.error());
        const Result<> bad =
            co_await write(on, w, [](Tx& tx) { return sql::run(tx.db(), insert, 41, "x"); });
        out += " " + std::string{bad ? "ok" : to_text(bad.error().code)};
        w.stop();
        const Result<std::unique_ptr<int>> late =
            co_await write(on, w, [](Tx&) -> Result<std::unique_ptr<int>> { return nullptr; });
        out += " " + std::string{late ? "ok" : to_text(late.error().code)};
        on.stop();
    };
    tasks.spawn(task(loop, *writer, got));
    loop.run();
    EXPECT_EQ(got, "41 conflict cancelled");
    EXPECT_EQ(stored(), Ids{41});
}

}  // namespace
}  // namespace blotter::store
