#pragma once

#include <string>
#include <string_view>

#include "store/tables/common.hpp"

namespace blotter::store {

/// One tamper-evident log. Without a workspace it is the root log.
struct LogRow {
    std::int64_t no = 0;
    std::optional<std::int64_t> workspace_no;
    std::string origin;  ///< unique
    Timestamp created_at;
    std::optional<std::int64_t> forked_from;  ///< the log it takes over from
    std::optional<Timestamp> closed_at;       ///< nothing is appended from then on
};

Result<std::int64_t> insert_log(sql::Connection& db, const LogRow& row);
/// The one that is open; without a workspace, the root log.
Result<std::optional<LogRow>> find_open_log(sql::Connection& db,
                                            std::optional<std::int64_t> workspace_no);
Result<std::optional<LogRow>> load_log(sql::Connection& db, std::int64_t no);
/// Oldest first, closed ones too.
Result<Page<LogRow>> list_logs(sql::Connection& db, std::int64_t after, std::size_t limit);
Result<Applied> close_log(sql::Connection& db, std::int64_t no, Timestamp at);

// --- leaf ---

/// The hot path. `conflict` when the log has a leaf of that number: a second writer.
Result<> insert_leaf(sql::Connection& db, std::int64_t log_no, std::int64_t n, ByteView entry);
/// Nothing, too, for numbers that no leaf can have, as a damaged row may name them.
Result<std::optional<Bytes>> load_leaf(sql::Connection& db, std::int64_t log_no, std::int64_t n);
/// How many leaves the log has: one more than the last number, which have no gaps.
Result<std::int64_t> log_size(sql::Connection& db, std::int64_t log_no);
struct LeafRange {
    std::int64_t log_no = 0;
    std::int64_t first = 0;
    std::size_t count = 256;
};
/// The leaves that are there, in order.
Result<std::vector<Bytes>> list_leaves(sql::Connection& db, const LeafRange& range);

// --- tile: full tiles only (256 hashes). ---

struct TileKey {
    std::int64_t log_no = 0;
    int level = 0;
    std::int64_t index = 0;
};
Result<> insert_tile(sql::Connection& db, const TileKey& key, ByteView hashes);
Result<std::optional<Bytes>> load_tile(sql::Connection& db, const TileKey& key);
/// How many full tiles a level has.
Result<std::int64_t> count_tiles(sql::Connection& db, std::int64_t log_no, int level);

// --- checkpoint ---

struct CheckpointRow {
    std::int64_t log_no = 0;
    std::int64_t size = 0;
    Digest root{};
    std::string note;  ///< the signed note
    Timestamp signed_at;
};
/// `conflict` when one of that size was signed before.
Result<> insert_checkpoint(sql::Connection& db, const CheckpointRow& row);
Result<std::optional<CheckpointRow>> last_checkpoint(sql::Connection& db, std::int64_t log_no);
/// The smallest one that covers a tree of `size`, for a proof.
Result<std::optional<CheckpointRow>> checkpoint_covering(sql::Connection& db, std::int64_t log_no,
                                                         std::int64_t size);
/// In order of size, after one.
Result<Page<CheckpointRow>> list_checkpoints(sql::Connection& db, std::int64_t log_no,
                                             std::int64_t after, std::size_t limit);

}  // namespace blotter::store
