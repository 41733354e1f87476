#include "store/writer.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "base/invariant.hpp"

namespace blotter::store {

namespace {

/// How often an idle store is looked after again: a reader may have been in the way.
constexpr Duration idle_round{1'000};
/// A group of so many says that there is load.
constexpr std::size_t crowd = 8;

using Jobs = std::vector<std::unique_ptr<Job>>;

/// Work that throws has a bug, but one bad request must not take the others' work with it.
Result<> run_guarded(Job& job, Tx& tx) {
    try {
        return job.run(tx);
    } catch (const std::exception& e) {
        return fail(Errc::internal, std::string{"a piece of writing work threw: "} + e.what());
    } catch (...) {
        return fail(Errc::internal, "a piece of writing work threw");
    }
}

void call(std::vector<std::move_only_function<void()>>& actions) {
    for (auto& action : actions) action();
}

}  // namespace

Result<> Tx::commit() {
    for (auto& action : std::exchange(held_back_, {})) CHECK(action());
    return connection_.commit();
}

struct Writer::Impl {
    Impl(std::unique_ptr<sql::Connection> c, Options o)
        : connection(std::move(c)), options(std::move(o)) {}

    /// One job of the group under way.
    struct Member {
        std::unique_ptr<Job> job;
        Tx tx;
        Result<> outcome;
    };

    const std::unique_ptr<sql::Connection> connection;
    const Options options;

    std::mutex mutex;  // guards the next five
    std::condition_variable ready;
    Jobs queue;
    std::size_t urgent = 0;  ///< of the queue, wanted now
    bool asleep = false;     ///< the thread would not look at the queue for long
    enum class Phase : std::uint8_t { open, broken, stopped } phase = Phase::open;

    std::atomic<std::size_t> queued{0};
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> jobs{0};
    std::atomic<std::uint64_t> failed_jobs{0};

    // The writing thread's own.
    Jobs taken;
    std::vector<Member> group;
    std::vector<std::move_only_function<Result<>()>> held_back;  ///< of the group
    bool broken = false;
    std::thread thread;

    Jobs& take();
    void run_taken();
    void run_group(std::span<std::unique_ptr<Job>> members);
    Result<> run_members();
    Result<> run_in_savepoint(Member& member);
    Result<> run_bare(Member& member);
    void hold_back(Tx& tx);
    Result<> write_held_back();
    Result<> still_open() const;
    static void undo(Tx& tx);
    void finish(Member& member, Result<> outcome);
    void lose(const Error& reason);
    void break_down();
    void refuse(std::span<std::unique_ptr<Job>> members);
    void look_after(sql::Upkeep when);
    void loop();
    bool stopping() const { return phase == Phase::stopped; }
    bool wait_for_work(std::unique_lock<std::mutex>& lock, bool worked);
    MonoTime now() const { return options.clock ? options.clock->mono() : MonoTime{}; }
};

// --- One group ---

/// The transaction must have survived the work: SQLite undoes all of it by itself on some errors.
Result<> Writer::Impl::still_open() const {
    if (connection->state() == sql::State::in_transaction) return {};
    return fail(Errc::storage_failed, "the transaction was undone by the store");
}

void Writer::Impl::hold_back(Tx& tx) {
    std::ranges::move(tx.held_back_, std::back_inserter(held_back));
    tx.held_back_.clear();
}

Result<> Writer::Impl::write_held_back() {
    for (auto& action : std::exchange(held_back, {})) CHECK(action());
    return {};
}

Result<> Writer::Impl::run_in_savepoint(Member& member) {
    // What others hold back must not be undone with this one.
    CHECK(write_held_back());
    CHECK(connection->savepoint());
    member.outcome = run_guarded(*member.job, member.tx);
    if (connection->state() != sql::State::in_transaction)
        return member.outcome ? still_open() : pass(member.outcome.error());
    if (member.outcome) {
        hold_back(member.tx);
        return connection->release_savepoint();
    }
    connection->rollback_to_savepoint();
    undo(member.tx);
    return still_open();
}

Result<> Writer::Impl::run_bare(Member& member) {
    const auto before = connection->total_changes();
    if (!before) return run_in_savepoint(member);
    member.outcome = run_guarded(*member.job, member.tx);
    hold_back(member.tx);
    if (member.outcome) return still_open();
    if (connection->state() != sql::State::in_transaction) return pass(member.outcome.error());
    if (connection->total_changes() == before && !member.tx.changed_) return {};
    return fail(Errc::unavailable,
                "another piece of work failed half-way and took its group along: try again");
}

Result<> Writer::Impl::run_members() {
    CHECK(connection->begin());
    // A group of one needs no savepoint: what it did is undone with the transaction.
    if (group.size() == 1) {
        Member& only = group.front();
        only.outcome = run_guarded(*only.job, only.tx);
        if (!only.outcome) return pass(only.outcome.error());
        CHECK(still_open());
        hold_back(only.tx);
        return write_held_back();
    }
    for (Member& member : group)
        CHECK(member.job->undo() == Undo::savepoint ? run_in_savepoint(member) : run_bare(member));
    return write_held_back();
}

void Writer::Impl::run_group(std::span<std::unique_ptr<Job>> members) {
    group.clear();
    for (auto& job : members) group.push_back({std::move(job), Tx{*connection}, {}});
    const MonoTime started = now();
    Result<> done = run_members();
    const MonoTime worked = now();
    if (done) done = connection->commit();
    if (!done) {
        lose(done.error());
        return;
    }
    commits.fetch_add(1, std::memory_order_relaxed);
    if (options.on_commit) options.on_commit({group.size(), worked - started, now() - worked});
    for (Member& member : group) finish(member, std::move(member.outcome));
}

/// What in memory followed the undone rows goes back with them, before anything else is run: the
/// next job must find memory and rows in agreement.
void Writer::Impl::undo(Tx& tx) {
    auto actions = std::exchange(tx.undone_, {});
    for (auto action = actions.rbegin(); action != actions.rend(); ++action) (*action)();
}

void Writer::Impl::finish(Member& member, Result<> outcome) {
    if (outcome)
        call(member.tx.committed_);
    else
        undo(member.tx);
    (outcome ? jobs : failed_jobs).fetch_add(1, std::memory_order_relaxed);
    queued.fetch_sub(1, std::memory_order_relaxed);
    member.job->finished(std::move(member.job), std::move(outcome));
}

/// Nothing of this group was acknowledged and nothing will be.
void Writer::Impl::lose(const Error& reason) {
    connection->rollback();
    held_back.clear();
    // A job alone that fails by itself loses nothing of others.
    if (options.on_lost && (group.size() > 1 || group.front().outcome)) options.on_lost(reason);
    // A connection that cannot even go back to idle is of no further use.
    const bool unusable = connection->state() != sql::State::idle;
    if (unusable) break_down();
    for (auto member = group.rbegin(); member != group.rend(); ++member) undo(member->tx);
    for (Member& member : group) {
        // A job that failed by itself keeps its own reason.
        Result<> outcome = member.outcome ? pass(reason) : std::move(member.outcome);
        finish(member, std::move(outcome));
    }
    if (unusable && options.on_broken) options.on_broken(reason);
    if (!unusable && reason.code == Errc::storage_full) look_after(sql::Upkeep::full);
}

void Writer::Impl::break_down() {
    broken = true;
    const std::lock_guard lock{mutex};
    if (phase == Phase::open) phase = Phase::broken;
}

void Writer::Impl::refuse(std::span<std::unique_ptr<Job>> members) {
    for (auto& job : members) {
        failed_jobs.fetch_add(1, std::memory_order_relaxed);
        queued.fetch_sub(1, std::memory_order_relaxed);
        job->finished(std::move(job),
                      fail(Errc::storage_failed, "the store failed earlier: restart Blotter"));
    }
}

void Writer::Impl::look_after(sql::Upkeep when) {
    if (broken) return;
    const Result<> done = connection->upkeep(when);
    if (done) return;
    break_down();
    if (options.on_broken) options.on_broken(done.error());
}

// --- The queue ---

/// The whole queue at once: submitters wait for one swap, not for a copy per job.
Jobs& Writer::Impl::take() {
    taken.clear();
    const std::lock_guard lock{mutex};
    taken.swap(queue);
    urgent = 0;
    return taken;
}

void Writer::Impl::run_taken() {
    for (std::span<std::unique_ptr<Job>> rest{taken}; !rest.empty();) {
        if (broken) {
            refuse(rest);
            break;
        }
        const auto members = rest.first(std::min(rest.size(), options.ops_max));
        rest = rest.subspan(members.size());
        run_group(members);
        look_after(sql::Upkeep::busy);
    }
    group.clear();
    taken.clear();
}

/// Waits while nothing happens; for a while only after the last commit. False when there is time
/// to look after the store.
bool Writer::Impl::wait_for_work(std::unique_lock<std::mutex>& lock, bool worked) {
    if (!worked) {
        asleep = true;
        ready.wait_for(lock, idle_round, [this] { return stopping() || !queue.empty(); });
        asleep = false;
        if (!stopping() && queue.empty()) return false;
    }
    ready.wait_for(lock, options.idle_after,
                   [this] { return stopping() || urgent > 0 || queue.size() >= options.ops_max; });
    return stopping() || !queue.empty();
}

void Writer::Impl::loop() {
    bool worked = false;
    std::size_t last = 0;
    for (;;) {
        {
            std::unique_lock lock{mutex};
            if (!wait_for_work(lock, worked)) {
                lock.unlock();
                look_after(sql::Upkeep::idle);
                worked = false;
                continue;
            }
            if (queue.empty()) return;
        }
        // Where every processor is wanted, those who submit get it first, and the group is larger
        // by what they bring: a commit costs the same for many as for a few. Where one is free this
        // comes back at once.
        if (last >= crowd)
            for (int i = 0; i < 2; ++i) std::this_thread::yield();
        last = take().size();
        run_taken();
        worked = true;
    }
}

// --- The writer ---

Writer::Writer(std::unique_ptr<sql::Connection> connection, Options options)
    : impl_(std::make_unique<Impl>(std::move(connection), std::move(options))) {
    INVARIANT(impl_->connection && impl_->options.ops_max > 0);
    impl_->group.reserve(impl_->options.ops_max);
}

Writer::~Writer() {
    stop();
}

void Writer::start() {
    INVARIANT(!impl_->thread.joinable());
    impl_->thread = std::thread{[this] { impl_->loop(); }};
}

void Writer::stop() {
    {
        const std::lock_guard lock{impl_->mutex};
        if (impl_->stopping()) return;
        impl_->phase = Impl::Phase::stopped;
    }
    if (impl_->thread.joinable()) {
        impl_->ready.notify_one();
        impl_->thread.join();
    } else {
        while (!impl_->take().empty()) impl_->run_taken();
    }
    impl_->look_after(sql::Upkeep::closing);
}

std::size_t Writer::drain() {
    INVARIANT(!impl_->thread.joinable());
    const std::size_t count = impl_->take().size();
    impl_->run_taken();
    return count;
}

void Writer::rest() {
    INVARIANT(!impl_->thread.joinable());
    impl_->look_after(sql::Upkeep::idle);
}

void Writer::submit(std::unique_ptr<Job> job) {
    Result<> refusal;
    {
        const std::lock_guard lock{impl_->mutex};
        const bool full = impl_->queued.load(std::memory_order_relaxed) >= impl_->options.queue_max;
        if (impl_->stopping()) {
            refusal = fail(Errc::cancelled, "Blotter is stopping: nothing more is written");
        } else if (impl_->phase == Impl::Phase::broken) {
            refusal = fail(Errc::storage_failed, "the store failed earlier: restart Blotter");
        } else if (full) {
            refusal = fail(Errc::overloaded, "too much is waiting to be written: try again soon");
        } else {
            impl_->queued.fetch_add(1, std::memory_order_relaxed);
            const bool now = job->urgency() == Urgency::now;
            impl_->queue.push_back(std::move(job));
            if (now) impl_->urgent += 1;
            // The thread sleeps on an empty queue, or waits for something urgent or a full group.
            const std::size_t size = impl_->queue.size();
            if ((now && impl_->urgent == 1) || (size == 1 && impl_->asleep) ||
                size == impl_->options.ops_max)
                impl_->ready.notify_one();
            return;
        }
    }
    impl_->failed_jobs.fetch_add(1, std::memory_order_relaxed);
    job->finished(std::move(job), std::move(refusal));
}

Writer::Figures Writer::figures() const {
    return {impl_->commits.load(std::memory_order_relaxed),
            impl_->jobs.load(std::memory_order_relaxed),
            impl_->failed_jobs.load(std::memory_order_relaxed),
            impl_->queued.load(std::memory_order_relaxed)};
}

}  // namespace blotter::store
