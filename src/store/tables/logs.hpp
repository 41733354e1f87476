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

/// Leaves that were written together, one after another: one as it is, or several as a bundle
/// (`ledger/entries.hpp`).
struct LeafRow {
    std::int64_t first = 0;  ///< number of the first one
    std::int64_t count = 1;
    Bytes bytes;
};
/// So many at most in one row; and a row of several ends before the next multiple of it.
inline constexpr std::int64_t leaves_in_row_max = 256;

/// The hot path. `conflict` when the log has a row that begins there: a second writer.
Result<> insert_leaves(sql::Connection& db, std::int64_t log_no, const LeafRow& row);
/// How many leaves the log has: one more than the last number, which have no gaps.
Result<std::int64_t> log_size(sql::Connection& db, std::int64_t log_no);
struct LeafRange {
    std::int64_t log_no = 0;
    std::int64_t first = 0;
    std::size_t count = 256;
};
/// The rows that have leaves of a range, in order; what is before and behind it comes along.
/// Nothing, too, for numbers that no leaf can have, as a damaged row may name them. Damage may
/// also give a row any count.
Result<std::vector<LeafRow>> list_leaf_rows(sql::Connection& db, const LeafRange& range);

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
