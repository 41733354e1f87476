#include "store/tables/replays.hpp"

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

static_assert(static_cast<int>(ReplayState::running) == 1, "the statements take 1 for running");

constexpr sql::Query replay_insert{
    "replay.insert",
    "INSERT INTO replay (id, workspace_no, destination_no, filter, created_ms, created_by, total, "
    "done, position, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
constexpr Text replay_select{
    "SELECT no, id, workspace_no, destination_no, filter, created_ms, created_by, total, done, "
    "position, state FROM replay "};
constexpr sql::Query replay_by_id{
    "replay.by_id", kept<replay_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr Both replay_list{
    {"replay.newest",
     kept<replay_select + "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"replay.oldest",
     kept<replay_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr sql::Query replay_running{
    "replay.running", kept<replay_select + "WHERE state = 1 ORDER BY no LIMIT ?1">.chars};
constexpr sql::Query replay_advance{"replay.advance",
                                    "UPDATE replay SET position = ?3, done = done + ?4, state = ?5 "
                                    "WHERE no = ?1 AND position = ?2 AND state = 1"};
constexpr sql::Query replay_cancel{
    "replay.cancel",
    "UPDATE replay SET state = 3 WHERE id = ?2 AND workspace_no = ?1 AND state = 1"};

constexpr sql::Query replay_purge{"replay.purge",
                                  "DELETE FROM replay WHERE state <> 1 AND created_ms < ?1 "
                                  "AND no IN (SELECT no FROM replay ORDER BY no LIMIT ?2)"};

ReplayRow read_replay(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<ReplayId>(s, 1),
            .workspace_no = s.integer(2),
            .destination_no = sql::integer_if(s, 3),
            .filter = sql::string_at(s, 4),
            .created_at = sql::time_at(s, 5),
            .created_by = sql::string_at(s, 6),
            .total = s.integer(7),
            .done = s.integer(8),
            .position = s.integer(9),
            .state = detail::enum_at<ReplayState>(s, 10)};
}

}  // namespace

Result<std::int64_t> insert_replay(sql::Connection& db, const ReplayRow& row) {
    return detail::insert(db, replay_insert, row.id, row.workspace_no, row.destination_no,
                          row.filter, row.created_at, row.created_by, row.total, row.done,
                          row.position, row.state);
}

Result<std::optional<ReplayRow>> find_replay(sql::Connection& db, std::int64_t workspace_no,
                                             const ReplayId& id) {
    return sql::one(db, replay_by_id, read_replay, workspace_no, id);
}

Result<Page<ReplayRow>> list_replays(sql::Connection& db, std::int64_t workspace_no,
                                     const PageOptions& page) {
    return detail::list(db, replay_list, page, read_replay, workspace_no);
}

Result<std::vector<ReplayRow>> list_running_replays(sql::Connection& db, std::size_t limit) {
    return sql::all(db, replay_running, read_replay, detail::limit_of(limit));
}

Result<Applied> advance_replay(sql::Connection& db, const ReplayProgress& progress) {
    return detail::change(db, replay_advance, progress.no, progress.from, progress.to,
                          progress.made, progress.state);
}

Result<Applied> cancel_replay(sql::Connection& db, std::int64_t workspace_no, const ReplayId& id) {
    return detail::change(db, replay_cancel, workspace_no, id);
}

Result<std::int64_t> purge_replays(sql::Connection& db, Timestamp before, std::size_t limit) {
    return detail::purge(db, replay_purge, before, limit);
}

}  // namespace blotter::store
