#include "store/tables/logs.hpp"

#include <algorithm>

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::kept;
using detail::Text;

constexpr sql::Query log_insert{
    "log.insert",
    "INSERT INTO log (workspace_no, origin, created_ms, forked_from) VALUES (?1, ?2, ?3, ?4)"};
constexpr Text log_select{
    "SELECT no, workspace_no, origin, created_ms, forked_from, closed_ms FROM log "};
constexpr sql::Query log_open{"log.open",
                              kept<log_select +
                                   "WHERE workspace_no IS NOT DISTINCT FROM ?1 "
                                   "AND closed_ms IS NULL ORDER BY no DESC LIMIT 1">.chars};
constexpr sql::Query log_by_no{"log.by_no", kept<log_select + "WHERE no = ?1">.chars};
constexpr sql::Query log_list{"log.list",
                              kept<log_select + "WHERE no > ?1 ORDER BY no LIMIT ?2">.chars};
constexpr sql::Query log_close{"log.close",
                               "UPDATE log SET closed_ms = ?2 WHERE no = ?1 AND closed_ms IS NULL"};

constexpr sql::Query leaf_insert{"leaf.insert",
                                 "INSERT INTO leaf (key, count, entry) VALUES (?1, ?2, ?3)"};
constexpr sql::Query leaf_last{
    "leaf.last",
    "SELECT key, count FROM leaf WHERE key >= ?1 AND key < ?2 ORDER BY key DESC LIMIT 1"};
// A row that begins earlier may have the first ones.
constexpr sql::Query leaf_list{
    "leaf.list",
    "SELECT key, count, entry FROM leaf WHERE key < ?3 AND key >= COALESCE((SELECT key FROM leaf "
    "WHERE key >= ?1 AND key <= ?2 ORDER BY key DESC LIMIT 1), ?2) ORDER BY key"};

constexpr sql::Query tile_insert{
    "tile.insert", "INSERT INTO tile (log_no, level, idx, hashes) VALUES (?1, ?2, ?3, ?4)"};
constexpr sql::Query tile_read{
    "tile.read", "SELECT hashes FROM tile WHERE log_no = ?1 AND level = ?2 AND idx = ?3"};
constexpr sql::Query tile_last{
    "tile.last", "SELECT idx FROM tile WHERE log_no = ?1 AND level = ?2 ORDER BY idx DESC LIMIT 1"};

constexpr sql::Query checkpoint_insert{
    "checkpoint.insert",
    "INSERT INTO checkpoint (log_no, size, root, note, signed_ms) VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr Text checkpoint_select{"SELECT log_no, size, root, note, signed_ms FROM checkpoint "};
constexpr sql::Query checkpoint_last{
    "checkpoint.last",
    kept<checkpoint_select + "WHERE log_no = ?1 ORDER BY size DESC LIMIT 1">.chars};
constexpr sql::Query checkpoint_list{
    "checkpoint.list",
    kept<checkpoint_select + "WHERE log_no = ?1 AND size > ?2 ORDER BY size LIMIT ?3">.chars};

LogRow read_log(const sql::Statement& s) {
    return {.no = s.integer(0),
            .workspace_no = sql::integer_if(s, 1),
            .origin = sql::string_at(s, 2),
            .created_at = sql::time_at(s, 3),
            .forked_from = sql::integer_if(s, 4),
            .closed_at = sql::time_if(s, 5)};
}

CheckpointRow read_checkpoint(const sql::Statement& s) {
    return {.log_no = s.integer(0),
            .size = s.integer(1),
            .root = detail::digest_at(s, 2),
            .note = sql::string_at(s, 3),
            .signed_at = sql::time_at(s, 4)};
}

/// How many entries one log has room for, and how many logs the keys have room for.
constexpr std::int64_t log_keys = std::int64_t{1} << 36;
constexpr std::int64_t logs_max = std::int64_t{1} << 26;
/// Whether there can be such an entry. Numbers that come out of a table may be anybody's: who looks
/// for damage must hear of it.
bool has_key(std::int64_t log_no, std::int64_t n) {
    return log_no >= 0 && log_no < logs_max && n >= 0 && n < log_keys;
}
/// The key of an entry; that of number 0 of the next log is the end of a log.
std::int64_t leaf_key(std::int64_t log_no, std::int64_t n) {
    return log_no * log_keys + n;
}

Bytes first_bytes(const sql::Statement& s) {
    return sql::bytes_at(s, 0);
}

/// One more than the number found: how many there are of what is counted from 0 without gaps.
std::int64_t size_from(const std::optional<std::int64_t>& last) {
    return last ? *last + 1 : 0;
}

}  // namespace

Result<std::int64_t> insert_log(sql::Connection& db, const LogRow& row) {
    return detail::insert(db, log_insert, row.workspace_no, row.origin, row.created_at,
                          row.forked_from);
}

Result<std::optional<LogRow>> find_open_log(sql::Connection& db,
                                            std::optional<std::int64_t> workspace_no) {
    return sql::one(db, log_open, read_log, workspace_no);
}

Result<std::optional<LogRow>> load_log(sql::Connection& db, std::int64_t no) {
    return sql::one(db, log_by_no, read_log, no);
}

Result<Page<LogRow>> list_logs(sql::Connection& db, std::int64_t after, std::size_t limit) {
    return detail::list_after(db, log_list, {after, limit, Order::oldest_first}, read_log);
}

Result<Applied> close_log(sql::Connection& db, std::int64_t no, Timestamp at) {
    return detail::change(db, log_close, no, at);
}

Result<> insert_leaves(sql::Connection& db, std::int64_t log_no, const LeafRow& row) {
    INVARIANT(has_key(log_no, row.first) && row.count >= 1 && row.count <= leaves_in_row_max);
    return sql::run(db, leaf_insert, leaf_key(log_no, row.first), row.count, row.bytes);
}

Result<std::int64_t> log_size(sql::Connection& db, std::int64_t log_no) {
    if (!has_key(log_no, 0)) return 0;
    const std::int64_t begin = leaf_key(log_no, 0);
    const auto read = [begin](const sql::Statement& s) {
        return s.integer(0) - begin + std::clamp(s.integer(1), std::int64_t{1}, leaves_in_row_max);
    };
    TRY(const auto size, sql::one(db, leaf_last, read, begin, leaf_key(log_no + 1, 0)));
    return size.value_or(0);
}

Result<std::vector<LeafRow>> list_leaf_rows(sql::Connection& db, const LeafRange& range) {
    if (!has_key(range.log_no, range.first)) return std::vector<LeafRow>{};
    const std::int64_t begin = leaf_key(range.log_no, 0);
    const std::int64_t room = log_keys - range.first;
    const std::int64_t count =
        std::min(static_cast<std::int64_t>(detail::limit_of(range.count)), room);
    const std::int64_t earliest = range.first - range.first % leaves_in_row_max;
    const auto read = [begin](const sql::Statement& s) {
        return LeafRow{s.integer(0) - begin, s.integer(1), sql::bytes_at(s, 2)};
    };
    return sql::all(db, leaf_list, read, begin + earliest, begin + range.first,
                    begin + range.first + count);
}

Result<> insert_tile(sql::Connection& db, const TileKey& key, ByteView hashes) {
    return sql::run(db, tile_insert, key.log_no, key.level, key.index, hashes);
}

Result<std::optional<Bytes>> load_tile(sql::Connection& db, const TileKey& key) {
    return sql::one(db, tile_read, first_bytes, key.log_no, key.level, key.index);
}

Result<std::int64_t> count_tiles(sql::Connection& db, std::int64_t log_no, int level) {
    TRY(const auto last, sql::one(db, tile_last, detail::first_integer, log_no, level));
    return size_from(last);
}

Result<> insert_checkpoint(sql::Connection& db, const CheckpointRow& row) {
    return sql::run(db, checkpoint_insert, row.log_no, row.size, row.root, row.note, row.signed_at);
}

Result<std::optional<CheckpointRow>> last_checkpoint(sql::Connection& db, std::int64_t log_no) {
    return sql::one(db, checkpoint_last, read_checkpoint, log_no);
}

Result<std::optional<CheckpointRow>> checkpoint_covering(sql::Connection& db, std::int64_t log_no,
                                                         std::int64_t size) {
    return sql::one(db, checkpoint_list, read_checkpoint, log_no, size - 1, 1);
}

Result<Page<CheckpointRow>> list_checkpoints(sql::Connection& db, std::int64_t log_no,
                                             std::int64_t after, std::size_t limit) {
    const std::size_t rows_max = detail::limit_of(limit);
    TRY(auto rows, sql::all(db, checkpoint_list, read_checkpoint, log_no, after, rows_max));
    Page<CheckpointRow> out{std::move(rows), {}};
    if (out.rows.size() == rows_max) out.next = out.rows.back().size;
    return out;
}

}  // namespace blotter::store
