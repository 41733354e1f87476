#include <charconv>

#include "cli/installation.hpp"
#include "cli/ledger.hpp"
#include "cli/signing.hpp"
#include "ledger/book.hpp"
#include "ledger/sealer.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::cli {
namespace {

constexpr std::size_t reason_bytes_max = 1'000;

/// "log" becomes "log/fork-1", and "log/fork-1" becomes "log/fork-2".
std::string fork_origin(const std::string& origin) {
    constexpr std::string_view mark = "/fork-";
    const std::size_t at = origin.rfind(mark);
    unsigned number = 0;
    if (at != std::string::npos) {
        const char* first = origin.data() + at + mark.size();
        const char* last = origin.data() + origin.size();
        const auto [end, error] = std::from_chars(first, last, number);
        if (error == std::errc{} && end == last)
            return fmt::format("{}{}{}", origin.substr(0, at), mark, number + 1);
    }
    return fmt::format("{}{}1", origin, mark);
}

struct Fork {
    StuckLog old;
    std::string origin;
    std::int64_t no = 0;
};

Result<> open_fork(store::Tx& tx, ledger::LogBook& book, Fork& fork, const std::string& reason,
                   Timestamp now) {
    std::string tenant = "root";
    if (fork.old.log.workspace_no) {
        TRY(const auto workspace, store::load_workspace(tx.db(), *fork.old.log.workspace_no));
        if (!workspace) return fail(Errc::corrupt, "the workspace of a log is missing");
        tenant = workspace->id.text();
    }
    CHECK(store::close_log(tx.db(), fork.old.log.no, now));
    store::LogRow row;
    row.workspace_no = fork.old.log.workspace_no;
    row.origin = fork.origin;
    row.created_at = now;
    row.forked_from = fork.old.log.no;
    TRY(fork.no, store::insert_log(tx.db(), row));
    const ledger::Checkpoint abandoned{fork.old.log.origin, fork.old.last_signed};
    return book.append(tx, fork.no,
                       ledger::log_forked_leaf(now, std::move(tenant), abandoned, reason));
}

/// One transaction: all logs, or none.
Result<> open_forks(Installation& in, std::vector<Fork>& forks, const std::string& reason) {
    sql::Connection& db = in.db();
    CHECK(db.begin());
    store::Tx tx{db};
    ledger::LogBook book{{.origin = ""}};
    for (Fork& fork : forks)
        if (auto done = open_fork(tx, book, fork, reason, in.clock().wall()); !done) {
            db.rollback();
            return done;
        }
    return tx.commit();
}

/// The first checkpoint of each new log, so that its beginning cannot be exchanged.
Result<> sign_forks(Installation& in, const std::vector<Fork>& forks) {
    TRY(Bytes seed, in.ledger_seed());
    TRY(const auto sealer,
        ledger::Sealer::open({in.disk(), in.paths().last_signed(), std::move(seed)}));
    std::vector<ledger::LogHead> heads;
    for (const Fork& fork : forks) {
        ledger::StoredTiles tiles{in.db(), fork.no};
        ledger::TileHashReader hashes{tiles, 1};
        TRY(const Digest root, ledger::tree_root(1, hashes));
        heads.push_back({fork.no, fork.old.log.workspace_no, fork.origin, {1, root}});
    }
    TRY(const auto rows, sealer->sign(heads, in.clock().wall()));
    for (const store::CheckpointRow& row : rows) CHECK(store::insert_checkpoint(in.db(), row));
    return {};
}

Result<int> fork_all(Console& console, Installation& in, const std::string& reason) {
    TRY(auto stuck, find_stuck_logs(in));
    std::vector<Fork> forks;
    for (StuckLog& one : stuck) {
        std::string origin = fork_origin(one.log.origin);
        forks.push_back({std::move(one), std::move(origin)});
    }
    if (forks.empty()) {
        console.line("✓ every log may sign: there is nothing to fork");
        return exit_ok;
    }
    CHECK(open_forks(in, forks, reason));
    CHECK(sign_forks(in, forks));
    for (const Fork& fork : forks) {
        console.line("✓ {} is closed", fork.old.log.origin);
        console.line("  why: {}", fork.old.answer.words);
        TRY(const auto key, in.verifier(fork.origin));
        console.line("  {} takes over; its first entry names the {} entries that were signed",
                     fork.origin, fork.old.last_signed.size);
        console.line("  its verifier key: {}", key.text());
    }
    console.line("Give the new verifier keys to those who check this ledger.");
    return exit_ok;
}

}  // namespace

int fork_ledger(Console& console, const config::Settings& settings, const std::string& reason) {
    if (reason.empty() || reason.size() > reason_bytes_max)
        return console.misused(fmt::format(
            "--reason: say in 1 to {} bytes what happened; it stands in the ledger for ever",
            reason_bytes_max));
    auto in = Installation::open(settings, store::Access::read_write);
    if (!in) return console.failed(in.error());
    const auto done = fork_all(console, **in, reason);
    if (!done) return console.failed(done.error());
    return *done;
}

}  // namespace blotter::cli
