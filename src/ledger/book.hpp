#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "ledger/entries.hpp"
#include "ledger/leaf.hpp"
#include "ledger/tiles.hpp"
#include "store/tables/logs.hpp"
#include "store/writer.hpp"

namespace blotter::ledger {

/// The stored tiles of one log. Full tiles come from their rows; partial ones are made from the
/// leaves or from the tiles below. One connection, one thread.
class StoredTiles : public TileReader {
  public:
    StoredTiles(sql::Connection& db, std::int64_t log_no) : db_(db), log_no_(log_no) {}
    Result<Bytes> read_tile(const TileId& id) override;

  private:
    sql::Connection& db_;
    std::int64_t log_no_;
};

/// The size and root of a log, as committed.
struct LogHead {
    std::int64_t log_no = 0;
    std::optional<std::int64_t> workspace_no;  ///< empty: the root log
    std::string origin;
    TreeHead head;
};

/// Appends to the logs, inside the transaction of what is logged. Keeps the growing edge of each
/// log in memory and drops it when a transaction is undone: it is then read again from the store.
///
/// Append last in a piece of work: after it, nothing may fail. Writer's thread only.
class LogBook {
  public:
    struct Options {
        std::string origin;            ///< of the root log; workspaces add "/ws_…"
        std::size_t kept_max = 1'000;  ///< logs whose edge stays in memory (about 10 KB each)
    };
    explicit LogBook(Options options) : options_(std::move(options)) {}

    /// The open log of a workspace, or the root log; made when there is none yet.
    Result<std::int64_t> log_of(store::Tx& tx, const std::optional<WorkspaceId>& workspace,
                                std::optional<std::int64_t> workspace_no, Timestamp now);
    /// The number that the next leaf of the log will get.
    Result<std::uint64_t> next(store::Tx& tx, std::int64_t log_no);
    /// Writes a leaf under its number, which must be the next one, and the tiles that it fills;
    /// the row of the leaf, with those of its transaction, in `Tx::before_commit`.
    Result<> append(store::Tx& tx, std::int64_t log_no, const Leaf& leaf);
    /// The same with the leaf's bytes, which say that number.
    Result<> append(store::Tx& tx, std::int64_t log_no, std::uint64_t number, ByteView entry);

    /// Calls back after the commit with the heads of all logs that grew since the last call. Only
    /// what is durable is ever given out, so only that is signed.
    Result<> heads_after_commit(store::Tx& tx, std::function<void(std::vector<LogHead>)> take);

  private:
    struct Kept {
        store::LogRow row;
        TileBuilder builder;
        EntrySlice unwritten{};
        std::uint64_t used = 0;
    };

    Result<Kept*> edge(store::Tx& tx, std::int64_t log_no);
    Result<> write(sql::Connection& db, std::int64_t log_no);
    void forget_if_undone(store::Tx& tx, std::int64_t log_no);
    void make_room(std::int64_t except);

    Options options_;
    std::map<std::int64_t, Kept> kept_;
    std::map<std::optional<std::int64_t>, std::int64_t> open_;  ///< by workspace number
    std::set<std::int64_t> grown_;
    std::uint64_t uses_ = 0;
};

}  // namespace blotter::ledger
