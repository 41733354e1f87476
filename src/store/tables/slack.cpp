#include "store/tables/slack.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

constexpr sql::Query connection_put{
    "slack_connection.put",
    "INSERT INTO slack_connection (id, workspace_no, team_id, scopes, state, reason, sealed, "
    "expires_ms, checked_ms, created_ms, updated_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
    "ON CONFLICT (workspace_no, team_id) DO UPDATE SET scopes = excluded.scopes, "
    "state = excluded.state, reason = excluded.reason, sealed = excluded.sealed, "
    "expires_ms = excluded.expires_ms, checked_ms = excluded.checked_ms, "
    "updated_ms = excluded.updated_ms RETURNING no, id"};
constexpr Text connection_select{
    "SELECT no, id, workspace_no, team_id, scopes, state, reason, sealed, expires_ms, checked_ms, "
    "created_ms, updated_ms FROM slack_connection "};
constexpr sql::Query connection_by_id{
    "slack_connection.by_id",
    kept<connection_select + "WHERE id = ?2 AND workspace_no = ?1">.chars};
constexpr sql::Query connection_by_no{"slack_connection.by_no",
                                      kept<connection_select + "WHERE no = ?1">.chars};
constexpr Both connection_list{
    {"slack_connection.newest",
     kept<connection_select + "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">
         .chars},
    {"slack_connection.oldest",
     kept<connection_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr sql::Query connection_list_in{
    "slack_connection.in_state",
    kept<connection_select + "WHERE state = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars};
constexpr sql::Query connection_change{
    "slack_connection.change",
    "UPDATE slack_connection SET scopes = ?2, state = ?3, reason = ?4, sealed = ?5, "
    "expires_ms = ?6, checked_ms = ?7, updated_ms = ?8 WHERE no = ?1"};

constexpr sql::Query grant_insert{
    "slack_grant.insert",
    "INSERT INTO slack_grant (state_hash, workspace_no, key_no, browser_hash, sealed, expires_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
constexpr sql::Query grant_read{
    "slack_grant.read",
    "SELECT workspace_no, key_no, browser_hash, sealed, expires_ms FROM slack_grant "
    "WHERE state_hash = ?1"};
constexpr sql::Query grant_delete{"slack_grant.delete",
                                  "DELETE FROM slack_grant WHERE state_hash = ?1"};
constexpr sql::Query grant_purge{
    "slack_grant.purge",
    "DELETE FROM slack_grant WHERE state_hash IN (SELECT state_hash FROM slack_grant "
    "WHERE expires_ms < ?1 ORDER BY expires_ms LIMIT ?2)"};

constexpr sql::Query message_insert{
    "slack_message.insert",
    "INSERT INTO slack_message (id, workspace_no, connection_no, channel, event_seq, template, "
    "destination_no, envelope_no, batch_no, state, run, tries, ts, outcome, created_ms, "
    "updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"};
constexpr Text message_select{
    "SELECT no, id, workspace_no, connection_no, channel, event_seq, template, destination_no, "
    "envelope_no, batch_no, state, run, tries, ts, outcome, created_ms, updated_ms, acted_ms "
    "FROM slack_message "};
constexpr sql::Query message_by_key{
    "slack_message.by_key", kept<message_select +
                                 "WHERE connection_no = ?1 AND channel = ?2 AND event_seq = ?3 "
                                 "AND template = ?4">.chars};
constexpr sql::Query message_by_id{"slack_message.by_id",
                                   kept<message_select + "WHERE id = ?1">.chars};
constexpr sql::Query message_by_no{"slack_message.by_no",
                                   kept<message_select + "WHERE no = ?1">.chars};
constexpr Both message_list{
    {"slack_message.newest",
     kept<message_select + "WHERE workspace_no = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3">.chars},
    {"slack_message.oldest",
     kept<message_select + "WHERE workspace_no = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars}};
constexpr sql::Query message_change{
    "slack_message.change",
    "UPDATE slack_message SET destination_no = ?3, batch_no = ?4, state = ?5, run = ?6, "
    "tries = ?7, ts = ?8, outcome = ?9, updated_ms = ?10 WHERE no = ?1 AND state = ?2"};
constexpr sql::Query message_act{
    "slack_message.act",
    "UPDATE slack_message SET acted_ms = ?2 WHERE no = ?1 AND acted_ms IS NULL"};
constexpr sql::Query message_thread{
    "slack_message.thread",
    "SELECT ts FROM slack_message WHERE connection_no = ?1 AND channel = ?2 AND envelope_no = ?3 "
    "AND state = 2 ORDER BY no LIMIT 1"};
constexpr sql::Query message_work{
    "slack_message.work",
    kept<message_select +
         "WHERE state IN (8, 9) AND state = ?1 AND no > ?2 ORDER BY no LIMIT ?3">.chars};
constexpr sql::Query message_open{
    "slack_message.open", kept<message_select +
                               "WHERE state IN (8, 9) AND state = 9 AND connection_no = ?1 "
                               "AND channel = ?2 LIMIT 1">.chars};
constexpr sql::Query message_purge{
    "slack_message.purge",
    "DELETE FROM slack_message WHERE no IN (SELECT no FROM slack_message WHERE event_seq = 0 "
    "AND created_ms < ?1 AND state NOT IN (8, 9) ORDER BY no LIMIT ?2)"};
constexpr sql::Query message_folded{
    "slack_message.folded",
    "SELECT event.type FROM slack_message JOIN event ON event.seq = slack_message.event_seq "
    "WHERE slack_message.batch_no = ?1 LIMIT 100000"};
constexpr sql::Query events_latest{
    "slack_message.events",
    "SELECT type, accepted_ms FROM event WHERE workspace_no = ?1 ORDER BY seq DESC LIMIT 50000"};

// A list by state reads the partial index of the states that people look for, or all of them.
constexpr sql::Query message_state_newest{
    "slack_message.state_newest",
    kept<message_select +
         "WHERE workspace_no = ?1 AND state NOT IN (2, 7) AND state = ?2 AND no < ?3 "
         "ORDER BY no DESC LIMIT ?4">.chars};
constexpr sql::Query message_state_oldest{
    "slack_message.state_oldest",
    kept<message_select +
         "WHERE workspace_no = ?1 AND state NOT IN (2, 7) AND state = ?2 AND no > ?3 "
         "ORDER BY no LIMIT ?4">.chars};
constexpr Both message_list_state{message_state_newest, message_state_oldest};

std::optional<Bytes> bytes_if(const sql::Statement& s, int column) {
    if (s.is_null(column)) return std::nullopt;
    return sql::bytes_at(s, column);
}

SlackConnectionRow read_connection(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<SlackConnectionId>(s, 1),
            .workspace_no = s.integer(2),
            .team_id = sql::string_at(s, 3),
            .scopes = sql::string_at(s, 4),
            .state = detail::enum_at<SlackState>(s, 5),
            .reason = sql::string_at(s, 6),
            .sealed = bytes_if(s, 7),
            .expires_at = sql::time_if(s, 8),
            .checked_at = sql::time_at(s, 9),
            .created_at = sql::time_at(s, 10),
            .updated_at = sql::time_at(s, 11)};
}

SlackMessageRow read_message(const sql::Statement& s) {
    return {.no = s.integer(0),
            .id = sql::id_at<SlackMessageId>(s, 1),
            .workspace_no = s.integer(2),
            .key = {s.integer(3), sql::string_at(s, 4), s.integer(5), sql::string_at(s, 6)},
            .destination_no = s.integer(7),
            .envelope_no = sql::integer_if(s, 8),
            .batch_no = sql::integer_if(s, 9),
            .state = detail::enum_at<SlackMessageState>(s, 10),
            .run = s.integer(11),
            .tries = s.integer(12),
            .ts = sql::string_at(s, 13),
            .outcome = sql::string_at(s, 14),
            .created_at = sql::time_at(s, 15),
            .updated_at = sql::time_at(s, 16),
            .acted_at = sql::time_if(s, 17)};
}

constexpr std::array<std::pair<SlackMessageState, std::string_view>, 9> state_names{{
    {SlackMessageState::sending, "sending"},
    {SlackMessageState::sent, "sent"},
    {SlackMessageState::held, "held"},
    {SlackMessageState::cleared, "cleared"},
    {SlackMessageState::dropped, "dropped"},
    {SlackMessageState::failed, "failed"},
    {SlackMessageState::folded, "folded"},
    {SlackMessageState::waiting, "waiting"},
    {SlackMessageState::open, "open"},
}};

}  // namespace

std::string_view to_text(SlackMessageState state) {
    for (const auto& [value, name] : state_names)
        if (value == state) return name;
    return "";
}

std::optional<SlackMessageState> parse_slack_message_state(std::string_view text) {
    for (const auto& [value, name] : state_names)
        if (name == text) return value;
    return std::nullopt;
}

Result<SlackConnected> put_slack_connection(sql::Connection& db, const SlackConnectionRow& row) {
    const auto read = [](const sql::Statement& s) {
        return SlackConnected{s.integer(0), sql::id_at<SlackConnectionId>(s, 1)};
    };
    TRY(const auto put, sql::one(db, connection_put, read, row.id, row.workspace_no, row.team_id,
                                 row.scopes, row.state, row.reason, row.sealed, row.expires_at,
                                 row.checked_at, row.created_at, row.updated_at));
    if (!put) return fail(Errc::storage_failed, "a connection was not written");
    return *put;
}

Result<std::optional<SlackConnectionRow>> find_slack_connection(sql::Connection& db,
                                                                std::int64_t workspace_no,
                                                                const SlackConnectionId& id) {
    return sql::one(db, connection_by_id, read_connection, workspace_no, id);
}

Result<std::optional<SlackConnectionRow>> load_slack_connection(sql::Connection& db,
                                                                std::int64_t no) {
    return sql::one(db, connection_by_no, read_connection, no);
}

Result<Page<SlackConnectionRow>> list_slack_connections(sql::Connection& db,
                                                        std::int64_t workspace_no,
                                                        const PageOptions& page) {
    return detail::list(db, connection_list, page, read_connection, workspace_no);
}

Result<Page<SlackConnectionRow>> list_slack_connections_in(sql::Connection& db, SlackState state,
                                                           std::int64_t after, std::size_t limit) {
    return detail::list_after(db, connection_list_in, {after, limit, Order::oldest_first},
                              read_connection, state);
}

Result<Applied> change_slack_connection(sql::Connection& db, const SlackConnectionRow& row) {
    CHECK(db.overwrite_deleted());
    return detail::change(db, connection_change, row.no, row.scopes, row.state, row.reason,
                          row.sealed, row.expires_at, row.checked_at, row.updated_at);
}

Result<> insert_slack_grant(sql::Connection& db, const SlackGrantRow& row) {
    return sql::run(db, grant_insert, row.state_hash, row.workspace_no, row.key_no,
                    row.browser_hash, row.sealed, row.expires_at);
}

Result<std::optional<SlackGrantRow>> take_slack_grant(sql::Connection& db, const Digest& state) {
    const auto read = [&](const sql::Statement& s) {
        return SlackGrantRow{.state_hash = state,
                             .workspace_no = s.integer(0),
                             .key_no = s.integer(1),
                             .browser_hash = detail::digest_at(s, 2),
                             .sealed = sql::bytes_at(s, 3),
                             .expires_at = sql::time_at(s, 4)};
    };
    TRY(auto found, sql::one(db, grant_read, read, state));
    if (found) CHECK(sql::run(db, grant_delete, state));
    return found;
}

Result<bool> has_slack_grant(sql::Connection& db, const Digest& state) {
    TRY(const auto found, sql::one(db, grant_read, detail::first_integer, state));
    return found.has_value();
}

Result<std::int64_t> purge_slack_grants(sql::Connection& db, Timestamp expired_before,
                                        std::size_t limit) {
    return detail::purge(db, grant_purge, expired_before, limit);
}

Result<std::int64_t> insert_slack_message(sql::Connection& db, const SlackMessageRow& row) {
    return detail::insert(db, message_insert, row.id, row.workspace_no, row.key.connection_no,
                          row.key.channel, row.key.event_seq, row.key.text_template,
                          row.destination_no, row.envelope_no, row.batch_no, row.state, row.run,
                          row.tries, row.ts, row.outcome, row.created_at, row.updated_at);
}

Result<std::optional<SlackMessageRow>> find_slack_message(sql::Connection& db,
                                                          const SlackMessageKey& key) {
    return sql::one(db, message_by_key, read_message, key.connection_no, key.channel, key.event_seq,
                    key.text_template);
}

Result<std::optional<SlackMessageRow>> find_slack_message(sql::Connection& db,
                                                          const SlackMessageId& id) {
    return sql::one(db, message_by_id, read_message, id);
}

Result<std::optional<SlackMessageRow>> find_slack_message(sql::Connection& db,
                                                          std::int64_t workspace_no,
                                                          const SlackMessageId& id) {
    TRY(auto row, find_slack_message(db, id));
    if (row && row->workspace_no != workspace_no) row.reset();
    return row;
}

Result<std::optional<SlackMessageRow>> load_slack_message(sql::Connection& db, std::int64_t no) {
    return sql::one(db, message_by_no, read_message, no);
}

Result<Page<SlackMessageRow>> list_slack_messages(sql::Connection& db,
                                                  const SlackMessageFilter& filter,
                                                  const PageOptions& page) {
    using State = SlackMessageState;
    if (!filter.state)
        return detail::list(db, message_list, page, read_message, filter.workspace_no);
    if (*filter.state != State::sent && *filter.state != State::folded)
        return detail::list(db, message_list_state, page, read_message, filter.workspace_no,
                            *filter.state);
    // Nearly all rows are in one of these two states: a page of all of them, sifted.
    TRY(auto rows, detail::list(db, message_list, page, read_message, filter.workspace_no));
    std::erase_if(rows.rows,
                  [&](const SlackMessageRow& row) { return row.state != *filter.state; });
    return rows;
}

Result<Applied> change_slack_message(sql::Connection& db, const SlackMessageRow& row,
                                     SlackMessageState from) {
    return detail::change(db, message_change, row.no, from, row.destination_no, row.batch_no,
                          row.state, row.run, row.tries, row.ts, row.outcome, row.updated_at);
}

Result<Applied> act_on_slack_message(sql::Connection& db, std::int64_t no, Timestamp at) {
    return detail::change(db, message_act, no, at);
}

Result<std::optional<std::string>> slack_thread_of(sql::Connection& db, std::int64_t connection_no,
                                                   std::string_view channel,
                                                   std::int64_t envelope_no) {
    const auto read = [](const sql::Statement& s) { return sql::string_at(s, 0); };
    return sql::one(db, message_thread, read, connection_no, channel, envelope_no);
}

Result<std::vector<SlackMessageRow>> list_slack_work(sql::Connection& db, SlackMessageState state,
                                                     std::int64_t after, std::size_t limit) {
    return sql::all(db, message_work, read_message, state, after, detail::limit_of(limit));
}

Result<std::optional<SlackMessageRow>> open_slack_summary(sql::Connection& db,
                                                          std::int64_t connection_no,
                                                          std::string_view channel) {
    return sql::one(db, message_open, read_message, connection_no, channel);
}

Result<std::int64_t> purge_slack_messages(sql::Connection& db, Timestamp created_before,
                                          std::size_t limit) {
    return detail::purge(db, message_purge, created_before, limit);
}

namespace {

std::vector<SlackFolded> counted(const std::map<std::int64_t, std::int64_t>& counts) {
    std::vector<SlackFolded> out;
    out.reserve(counts.size());
    for (const auto& [type, count] : counts) out.push_back({type, count});
    return out;
}

}  // namespace

Result<std::vector<SlackFolded>> count_slack_folded(sql::Connection& db, std::int64_t batch_no) {
    const auto read = [](const sql::Statement& s) { return s.integer(0); };
    TRY(const auto types, sql::all(db, message_folded, read, batch_no));
    std::map<std::int64_t, std::int64_t> counts;
    for (const std::int64_t type : types) ++counts[type];
    return counted(counts);
}

Result<std::vector<SlackFolded>> count_slack_events(sql::Connection& db, std::int64_t workspace_no,
                                                    Timestamp since) {
    TRY(sql::Statement* const prepared, db.prepare(events_latest));
    sql::Use use{prepared};
    sql::bind_all(*use, workspace_no);
    std::map<std::int64_t, std::int64_t> counts;
    for (;;) {
        TRY(const bool found, use->step());
        if (!found || sql::time_at(*use, 1) < since) return counted(counts);
        ++counts[use->integer(0)];
    }
}

}  // namespace blotter::store
