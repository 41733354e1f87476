#include "server/seal_task.hpp"

namespace blotter::server {
namespace {

/// How often a workspace's checkpoint becomes a leaf of the root log while it grows.
constexpr std::chrono::minutes root_interval{1};

}  // namespace

SealTask::SealTask(Parts parts, Duration interval)
    : parts_(parts), interval_(interval), wake_(parts.loop), tasks_(parts.loop) {}

void SealTask::start() {
    tasks_.spawn(run());
}

runtime::Task<> SealTask::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
    co_await seal(true);
    // The root log has grown by the entries of the last round.
    co_await seal(false);
}

runtime::Task<> SealTask::run() {
    while (!stopping_) {
        co_await wake_.wait_until(parts_.loop.now() + interval_);
        // Nothing was written since: nothing to look at.
        const std::uint64_t jobs = parts_.writer.figures().jobs;
        if (stopping_ || (jobs == jobs_seen_ && unsigned_.empty())) continue;
        co_await seal(false);
        jobs_seen_ = parts_.writer.figures().jobs;
    }
}

runtime::Task<Result<std::vector<ledger::LogHead>>> SealTask::take_heads() {
    const auto heads = std::make_shared<std::vector<ledger::LogHead>>();
    const auto done = co_await store::write(
        parts_.loop, parts_.writer, [&book = parts_.book, heads](store::Tx& tx) -> Result<int> {
            CHECK(book.heads_after_commit(
                tx, [heads](std::vector<ledger::LogHead> taken) { *heads = std::move(taken); }));
            return 0;
        });
    if (!done) co_return pass(done.error());
    co_return std::move(*heads);
}

runtime::Task<> SealTask::seal(bool everything) {
    auto taken = co_await take_heads();
    if (!taken) {
        parts_.log.warning("ledger.heads_failed", {{"error", taken.error()}});
        co_return;
    }
    for (ledger::LogHead& head : *taken) {
        const std::int64_t no = head.log_no;
        unsigned_.insert_or_assign(no, std::move(head));
    }
    if (unsigned_.empty()) co_return;
    std::vector<ledger::LogHead> heads;
    heads.reserve(unsigned_.size());
    for (const auto& [no, head] : unsigned_) heads.push_back(head);
    auto rows = co_await runtime::offload(
        parts_.loop, parts_.offload,
        [&sealer = parts_.sealer, heads, now = parts_.loop.clock().wall()] {
            return sealer.sign(heads, now);
        });
    if (!rows) {
        // The heads stay and are signed when the disk takes it again.
        parts_.log.error("ledger.sign_failed", {{"error", rows.error()}});
        co_return;
    }
    std::vector<ledger::LogHead> entries;
    const MonoTime now = parts_.loop.now();
    for (const ledger::LogHead& head : heads) {
        if (!head.workspace_no) continue;
        const auto last = entered_.find(head.log_no);
        if (everything || last == entered_.end() || now - last->second >= root_interval)
            entries.push_back(head);
    }
    const auto stored = co_await store::write(
        parts_.loop, parts_.writer,
        [this, rows = *rows, entries](store::Tx& tx) { return write(tx, rows, entries); });
    if (!stored) {
        parts_.log.error("ledger.checkpoint_failed", {{"error", stored.error()}});
        co_return;
    }
    for (const ledger::LogHead& head : entries) entered_[head.log_no] = now;
    unsigned_.clear();
}

Result<int> SealTask::write(store::Tx& tx, const std::vector<store::CheckpointRow>& rows,
                            const std::vector<ledger::LogHead>& root_entries) {
    for (const store::CheckpointRow& row : rows) CHECK(store::insert_checkpoint(tx.db(), row));
    if (root_entries.empty()) return 0;
    const Timestamp now = parts_.loop.clock().wall();
    TRY(const std::int64_t root, parts_.book.log_of(tx, std::nullopt, std::nullopt, now));
    for (const ledger::LogHead& head : root_entries) {
        TRY(const std::uint64_t n, parts_.book.next(tx, root));
        CHECK(parts_.book.append(
            tx, root, ledger::checkpoint_leaf(n, now, "root", {head.origin, head.head})));
    }
    return 0;
}

}  // namespace blotter::server
