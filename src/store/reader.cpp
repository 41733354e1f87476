#include "store/reader.hpp"

#include "base/invariant.hpp"

namespace blotter::store {

Reader::Reader(runtime::Offload& offload, const runtime::Clock& clock,
               std::vector<std::unique_ptr<sql::Connection>> connections, Options options)
    : offload_(offload),
      clock_(clock),
      options_(options),
      free_(std::move(connections)),
      total_(free_.size()) {
    INVARIANT(total_ > 0);
}

Reader::~Reader() {
    // Readings hold a connection of ours: all must have ended.
    INVARIANT(free_.size() == total_);
}

std::optional<Reader::Place> Reader::enter() {
    if (waiting_.fetch_add(1, std::memory_order_relaxed) >= options_.waiting_max) {
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        return std::nullopt;
    }
    return Place{*this};
}

Result<Reader::Lease> Reader::borrow(MonoTime deadline) {
    std::unique_lock lock{mutex_};
    returned_.wait(lock, [this] { return !free_.empty(); });
    Lease lease{*this, std::move(free_.back())};
    free_.pop_back();
    lock.unlock();
    // Whoever asked has given up by now: do not spend time on it.
    if (clock_.mono() >= deadline)
        return fail(Errc::timeout, "the reading waited too long for its turn");
    CHECK(lease.db().begin());
    lease.db().set_deadline(deadline);
    return lease;
}

void Reader::give_back(std::unique_ptr<sql::Connection> connection) {
    connection->set_deadline(MonoTime::max());
    connection->rollback();
    {
        const std::lock_guard lock{mutex_};
        free_.push_back(std::move(connection));
    }
    returned_.notify_one();
}

}  // namespace blotter::store
