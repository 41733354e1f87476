#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/offload.hpp"
#include "store/sql.hpp"

namespace blotter::store {

/// A few read-only connections, lent for one piece of reading at a time, away from the loops. Each
/// reading is a transaction of its own: it sees one committed state, whole. A deadline ends it,
/// because a long reading keeps the log from being moved into the database (it grew to gigabytes
/// elsewhere); the number that may wait is bounded. Use through `read`; any thread.
///
/// With an InlineOffload everything runs at once in the calling thread (simulator).
class Reader {
  public:
    struct Options {
        /// From the call of `read` to the end of the work, waiting included.
        Duration deadline{2'000};
        std::size_t waiting_max = 1'000;  ///< beyond it `read` fails with Errc::overloaded
    };

    /// Give `offload` as many threads as there are connections: a reading that finds none free
    /// blocks its thread. Both references outlive the reader.
    Reader(runtime::Offload& offload, const runtime::Clock& clock,
           std::vector<std::unique_ptr<sql::Connection>> connections, Options options);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// A place among those who wait; nothing when all are taken.
    class Place {
      public:
        explicit Place(Reader& reader) : reader_(&reader) {}
        Place(Place&& other) noexcept : reader_(std::exchange(other.reader_, nullptr)) {}
        Place& operator=(Place&&) = delete;
        ~Place() {
            if (reader_) reader_->waiting_.fetch_sub(1, std::memory_order_relaxed);
        }

      private:
        Reader* reader_;
    };
    std::optional<Place> enter();

    /// Runs `work(sql::Connection&)` now, in this thread, in a read transaction.
    template <typename Work>
    std::invoke_result_t<Work&, sql::Connection&> read_now(Work work, MonoTime deadline);

    runtime::Offload& offload() { return offload_; }
    MonoTime deadline_from_now() const { return clock_.mono() + options_.deadline; }

  private:
    /// A connection inside an open transaction; both end with it.
    class Lease {
      public:
        Lease(Reader& reader, std::unique_ptr<sql::Connection> connection)
            : reader_(reader), connection_(std::move(connection)) {}
        Lease(Lease&&) = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease() {
            if (connection_) reader_.give_back(std::move(connection_));
        }
        sql::Connection& db() { return *connection_; }

      private:
        Reader& reader_;
        std::unique_ptr<sql::Connection> connection_;
    };
    Result<Lease> borrow(MonoTime deadline);
    void give_back(std::unique_ptr<sql::Connection> connection);

    runtime::Offload& offload_;
    const runtime::Clock& clock_;
    const Options options_;
    std::atomic<std::size_t> waiting_{0};
    std::mutex mutex_;  // guards free_
    std::condition_variable returned_;
    std::vector<std::unique_ptr<sql::Connection>> free_;
    std::size_t total_;
};

template <typename Work>
std::invoke_result_t<Work&, sql::Connection&> Reader::read_now(Work work, MonoTime deadline) {
    TRY(Lease lease, borrow(deadline));
    return work(lease.db());
}

/// Runs `work` (a callable `Result<R>(sql::Connection&)`, not throwing, not kept) on the reader's
/// threads and resumes on `loop`. Errors besides the work's own: overloaded, timeout.
template <typename Work>
auto read(runtime::Loop& loop, Reader& reader, Work work)
    -> runtime::Task<std::invoke_result_t<Work&, sql::Connection&>> {
    auto place = reader.enter();
    if (!place) co_return fail(Errc::overloaded, "too many readings are waiting: try again soon");
    const MonoTime deadline = reader.deadline_from_now();
    co_return co_await runtime::offload(
        loop, reader.offload(),
        [&reader, deadline, place = std::move(*place), work = std::move(work)]() mutable {
            return reader.read_now(std::move(work), deadline);
        });
}

}  // namespace blotter::store
