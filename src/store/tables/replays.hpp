#pragma once

#include <string>

#include "store/tables/common.hpp"

/// Sending again. A replay selects with `list_events` or `list_deliveries` (oldest first, slice by
/// slice), previews with `count_events` or `count_deliveries`, and writes with `insert_delivery`
/// under its own number, which makes a slice repeatable after a crash.
namespace blotter::store {

/// The highest preview count: "more than".
inline constexpr std::int64_t preview_count_max = 200'000;

enum class ReplayState : std::uint8_t { running = 1, done = 2, cancelled = 3 };

struct ReplayRow {
    std::int64_t no = 0;
    ReplayId id;
    std::int64_t workspace_no = 0;
    std::optional<std::int64_t> destination_no;
    std::string filter = "{}";  ///< JSON
    Timestamp created_at;
    std::string created_by;
    std::int64_t total = 0;     ///< the preview
    std::int64_t done = 0;      ///< deliveries made so far
    std::int64_t position = 0;  ///< the selection goes on after this number
    ReplayState state = ReplayState::running;
};

Result<std::int64_t> insert_replay(sql::Connection& db, const ReplayRow& row);
Result<std::optional<ReplayRow>> find_replay(sql::Connection& db, std::int64_t workspace_no,
                                             const ReplayId& id);
Result<Page<ReplayRow>> list_replays(sql::Connection& db, std::int64_t workspace_no,
                                     const PageOptions& page);
/// Of all workspaces, to go on with after a start.
Result<std::vector<ReplayRow>> list_running_replays(sql::Connection& db, std::size_t limit);

/// One slice done. `Applied::no` when it is not running, or not at `from`, any more.
struct ReplayProgress {
    std::int64_t no = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
    std::int64_t made = 0;
    ReplayState state = ReplayState::running;
};
Result<Applied> advance_replay(sql::Connection& db, const ReplayProgress& progress);
Result<Applied> cancel_replay(sql::Connection& db, std::int64_t workspace_no, const ReplayId& id);

/// Deletes those that are over and were made before a time, among the oldest `limit` rows.
Result<std::int64_t> purge_replays(sql::Connection& db, Timestamp before, std::size_t limit);

}  // namespace blotter::store
