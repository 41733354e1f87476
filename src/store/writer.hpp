#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include "runtime/clock.hpp"
#include "runtime/loop.hpp"
#include "runtime/operation.hpp"
#include "store/sql.hpp"

namespace blotter::store {

/// What a piece of writing work sees while the writer runs it: the connection inside an open
/// transaction, and what is to happen once the transaction's fate is known. Writer thread only.
class Tx {
  public:
    explicit Tx(sql::Connection& connection) : connection_(connection) {}
    sql::Connection& db() { return connection_; }
    /// Runs on the writer's thread after the commit is durable, before the caller resumes.
    void after_commit(std::move_only_function<void()> action) {
        if (committed_.empty()) committed_.reserve(4);
        committed_.push_back(std::move(action));
    }
    /// Runs on the writer's thread as soon as this work, or the whole group, is undone: the last
    /// one added first, and before any other work is run.
    void after_rollback(std::move_only_function<void()> action) {
        undone_.push_back(std::move(action));
    }
    /// For rows that several pieces of work write together: runs on the writer's thread, inside
    /// the transaction, before it is committed and before a piece of work that may be undone alone
    /// is begun; not when this work is undone. If it fails, the group does.
    void before_commit(std::move_only_function<Result<>()> action) {
        held_back_.push_back(std::move(action));
    }
    /// This work changed what another one's `before_commit` will write: as if it had changed rows.
    void changed() { changed_ = true; }

    /// For a transaction that is run by itself, without a writer: what is held back, and the
    /// commit.
    Result<> commit();

  private:
    friend class Writer;
    sql::Connection& connection_;
    std::vector<std::move_only_function<void()>> committed_;
    std::vector<std::move_only_function<void()>> undone_;
    std::vector<std::move_only_function<Result<>()>> held_back_;
    bool changed_ = false;
};

/// How the changes of a failing job are undone without those of the others in its group.
enum class Undo : std::uint8_t {
    /// A savepoint around it: about 2 µs of CPU for a job of two inserts, 40 % of their cost.
    savepoint,
    /// It promises to fail only before it has changed anything: it checks first, or its first
    /// statement is the one that may conflict. If it breaks the promise the whole group is undone
    /// and fails. For hot paths.
    not_needed,
};

/// How soon a job is wanted.
enum class Urgency : std::uint8_t {
    now,
    /// It goes along with the next job that is wanted now, or alone after `idle_after`: nobody
    /// waits for it, and a commit of its own would make others wait.
    soon,
};

/// One piece of writing work. `run` is called once; when it fails, only its own changes are undone.
/// `finished` is called on the writer's thread when the outcome is certain: durable, refused by
/// `run`, or lost because the commit failed; or inside `submit`, when the job is not even taken. It
/// is given the job itself, to end it where it was made. An exception from `run` counts as a
/// failure (Errc::internal).
struct Job {
    virtual ~Job() = default;
    virtual Result<> run(Tx& tx) = 0;
    virtual void finished(std::unique_ptr<Job> self, Result<> outcome) = 0;
    virtual Undo undo() const { return Undo::savepoint; }
    virtual Urgency urgency() const { return Urgency::now; }
};

/// The only way to write: work from all loops is run one after another on one thread that owns the
/// one writing connection, and committed in groups (whatever has arrived while the last commit was
/// under way, at most `ops_max`). A caller resumes only after its group is durable. `submit` may be
/// called from any thread.
///
/// On an I/O or fsync error the writer stops: every waiting and later job fails with
/// storage_failed and `on_broken` is called once, so that the process can end instead of
/// acknowledging what may be lost. A full disk is not that: the group fails with storage_full and
/// work goes on. What a failed group wrote is undone, with one exception: after a failed sync some
/// of it may be found again at the next start, so callers must be able to ask twice.
class Writer {
  public:
    /// One durable group, for histograms.
    struct Commit {
        std::size_t jobs = 0;
        std::chrono::nanoseconds work{};  ///< from the first statement to the commit
        std::chrono::nanoseconds sync{};  ///< the commit itself
    };

    struct Options {
        std::size_t ops_max = 256;
        std::size_t queue_max = 20'000;  ///< beyond it `submit` fails with Errc::overloaded
        /// With nothing to do for this long the store looks after itself (Upkeep::idle); so long
        /// what is wanted only soon waits for company.
        Duration idle_after{5};
        /// All are called on the writer's thread.
        std::function<void(const Error&)> on_broken;
        std::function<void(const Commit&)> on_commit;
        /// A group was lost with this error: a full disk, or the end of the store.
        std::function<void(const Error&)> on_lost;
        /// Measures for `on_commit`; without it the durations are zero. Outlives the writer.
        const runtime::Clock* clock = nullptr;
    };

    Writer(std::unique_ptr<sql::Connection> connection, Options options);
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Starts the thread. Without it, `drain` runs the work in the calling thread (simulator).
    void start();
    /// Finishes what was submitted, ends the thread and leaves the store tidy (Upkeep::closing).
    /// Later submissions fail with cancelled. The destructor does the same.
    void stop();
    /// Runs and commits everything submitted so far; gives how many jobs ran. Not with `start`.
    std::size_t drain();

    /// What the thread does when it has had nothing to do for `idle_after`. Not with `start`.
    void rest();

    void submit(std::unique_ptr<Job> job);

    struct Figures {
        std::uint64_t commits = 0;
        std::uint64_t jobs = 0;
        std::uint64_t failed_jobs = 0;
        std::size_t queued = 0;  ///< waiting or under way
    };
    /// From any thread.
    Figures figures() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// How a piece of work is to be run.
struct How {
    How(Undo u = Undo::savepoint, Urgency g = Urgency::now) : undo(u), urgency(g) {}
    Undo undo;
    Urgency urgency;
};

/// A piece of work on its way, with who waits for it.
template <typename Work, typename Handler>
struct WorkJob final : Job {
    using R = std::invoke_result_t<Work&, Tx&>;

    WorkJob(Work w, Handler h, runtime::Loop& l, How o)
        : work(std::move(w)), handler(std::move(h)), loop(l), alive(l.executor()), how(o) {}
    Undo undo() const override { return how.undo; }
    Urgency urgency() const override { return how.urgency; }
    Result<> run(Tx& tx) override {
        value.emplace(work(tx));
        if (!*value) return pass(value->error());
        return {};
    }
    // The job goes back to its loop whole: what was allocated there is freed there.
    void finished(std::unique_ptr<Job> self, Result<> outcome) override {
        if (!outcome) value.emplace(pass(std::move(outcome).error()));
        loop.post([self = std::move(self)]() mutable {
            auto& job = static_cast<WorkJob&>(*self);
            Handler resume = std::move(job.handler);
            R result = *std::move(job.value);
            self.reset();
            std::move(resume)(std::move(result));
        });
    }

    Work work;
    Handler handler;
    runtime::Loop& loop;
    boost::asio::executor_work_guard<runtime::Executor> alive;
    How how;
    std::optional<R> value;
};

/// Awaited: runs `work` (a callable `Result<R>(Tx&)`, moved into the job) on the writer, goes on
/// on `loop` once it is durable, or failed, and gives its result.
template <typename Work>
auto write(runtime::Loop& loop, Writer& writer, Work work, How how = {}) {
    using R = std::invoke_result_t<Work&, Tx&>;
    return boost::asio::async_initiate<const runtime::UseTask, void(R)>(
        [&loop, &writer, how, work = std::move(work)](auto handler) mutable {
            using Handler = decltype(handler);
            writer.submit(std::make_unique<WorkJob<Work, Handler>>(std::move(work),
                                                                   std::move(handler), loop, how));
        },
        runtime::use_task);
}

}  // namespace blotter::store
