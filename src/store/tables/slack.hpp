#pragma once

#include <string>
#include <string_view>

#include "store/tables/common.hpp"

/// Slack's tables: connected workspaces, grants being asked for, messages.
namespace blotter::store {

// --- slack_connection ---

/// Stored; never renumber.
enum class SlackState : std::uint8_t {
    connected = 1,
    lost = 2,          ///< Slack does not accept the token any more: uninstalled, revoked, …
    disconnected = 3,  ///< by an admin here; no token is kept
};

struct SlackConnectionRow {
    std::int64_t no = 0;
    SlackConnectionId id;
    std::int64_t workspace_no = 0;
    std::string team_id;
    std::string scopes;  ///< granted ones, comma-separated
    SlackState state = SlackState::connected;
    std::string reason;           ///< why it is lost; Slack's error code
    std::optional<Bytes> sealed;  ///< the tokens; none once it is disconnected
    std::optional<Timestamp> expires_at;
    Timestamp checked_at;
    Timestamp created_at;
    Timestamp updated_at;
};

/// Makes the connection of a workspace to a team, or renews the one there is: its number stays, so
/// that a message sent before is known after. Gives number and id as stored.
struct SlackConnected {
    std::int64_t no = 0;
    SlackConnectionId id;
};
Result<SlackConnected> put_slack_connection(sql::Connection& db, const SlackConnectionRow& row);
Result<std::optional<SlackConnectionRow>> find_slack_connection(sql::Connection& db,
                                                                std::int64_t workspace_no,
                                                                const SlackConnectionId& id);
Result<std::optional<SlackConnectionRow>> load_slack_connection(sql::Connection& db,
                                                                std::int64_t no);
/// Of one workspace.
Result<Page<SlackConnectionRow>> list_slack_connections(sql::Connection& db,
                                                        std::int64_t workspace_no,
                                                        const PageOptions& page);
/// Of all workspaces in that state, in order of number.
Result<Page<SlackConnectionRow>> list_slack_connections_in(sql::Connection& db, SlackState state,
                                                           std::int64_t after, std::size_t limit);
/// Writes state, reason, scopes, tokens, expiry and times. The old tokens are overwritten.
Result<Applied> change_slack_connection(sql::Connection& db, const SlackConnectionRow& row);

// --- slack_grant: "Add to Slack" was pressed, the answer is awaited. ---

struct SlackGrantRow {
    Digest state_hash{};
    std::int64_t workspace_no = 0;
    std::int64_t key_no = 0;
    Digest browser_hash{};  ///< of the cookie of the browser that asked
    Bytes sealed;           ///< the PKCE verifier
    Timestamp expires_at;
};
Result<> insert_slack_grant(sql::Connection& db, const SlackGrantRow& row);
/// A look, before anything is written.
Result<bool> has_slack_grant(sql::Connection& db, const Digest& state);
/// Takes it out, so that it works once.
Result<std::optional<SlackGrantRow>> take_slack_grant(sql::Connection& db, const Digest& state);
Result<std::int64_t> purge_slack_grants(sql::Connection& db, Timestamp expired_before,
                                        std::size_t limit);

// --- slack_message ---

/// Stored; never renumber.
enum class SlackMessageState : std::uint8_t {
    sending = 1,  ///< written before the request goes out
    sent = 2,
    held = 3,     ///< whether it arrived is not known: a person decides
    cleared = 4,  ///< a person decided that it is to be sent
    dropped = 5,  ///< a person decided that it is not
    failed = 6,   ///< it did not arrive, for certain
    folded = 7,   ///< it is part of a summary
    waiting = 8,  ///< a summary or a digest that is to be sent
    open = 9,     ///< a summary that still grows
};
std::string_view to_text(SlackMessageState state);
std::optional<SlackMessageState> parse_slack_message_state(std::string_view text);

/// Which message: at most one row per connection, channel, event and template.
struct SlackMessageKey {
    std::int64_t connection_no = 0;
    std::string channel;
    std::int64_t event_seq = 0;
    std::string text_template;
};

/// Nothing of the message itself: when, where, and what became of it.
struct SlackMessageRow {
    std::int64_t no = 0;
    SlackMessageId id;
    std::int64_t workspace_no = 0;
    SlackMessageKey key;
    std::int64_t destination_no = 0;
    std::optional<std::int64_t> envelope_no;
    std::optional<std::int64_t> batch_no;  ///< the summary that it is part of
    SlackMessageState state = SlackMessageState::sending;
    std::int64_t run = 0;  ///< the run of the program that wrote `sending`
    std::int64_t tries = 0;
    std::string ts;  ///< Slack's name for a message that is there
    std::string outcome;
    Timestamp created_at;
    Timestamp updated_at;
    std::optional<Timestamp> acted_at;  ///< its button was pressed
};

Result<std::int64_t> insert_slack_message(sql::Connection& db, const SlackMessageRow& row);
Result<std::optional<SlackMessageRow>> find_slack_message(sql::Connection& db,
                                                          const SlackMessageKey& key);
Result<std::optional<SlackMessageRow>> find_slack_message(sql::Connection& db,
                                                          std::int64_t workspace_no,
                                                          const SlackMessageId& id);
/// Whatever workspace it is of: the id came back from Slack, in a signed request.
Result<std::optional<SlackMessageRow>> find_slack_message(sql::Connection& db,
                                                          const SlackMessageId& id);
Result<std::optional<SlackMessageRow>> load_slack_message(sql::Connection& db, std::int64_t no);
struct SlackMessageFilter {
    std::int64_t workspace_no = 0;
    std::optional<SlackMessageState> state;
};
Result<Page<SlackMessageRow>> list_slack_messages(sql::Connection& db,
                                                  const SlackMessageFilter& filter,
                                                  const PageOptions& page);
/// Writes destination, batch, state, run, tries, ts, outcome and `updated_at`, when the state is
/// still `from`.
Result<Applied> change_slack_message(sql::Connection& db, const SlackMessageRow& row,
                                     SlackMessageState from);
/// Its button was pressed; `Applied::no` when it was before.
Result<Applied> act_on_slack_message(sql::Connection& db, std::int64_t no, Timestamp at);
/// The earliest message of the envelope that is there: the head of its thread.
Result<std::optional<std::string>> slack_thread_of(sql::Connection& db, std::int64_t connection_no,
                                                   std::string_view channel,
                                                   std::int64_t envelope_no);
/// Summaries and digests in that state, oldest first.
Result<std::vector<SlackMessageRow>> list_slack_work(sql::Connection& db, SlackMessageState state,
                                                     std::int64_t after, std::size_t limit);
/// The summary that grows for a channel.
Result<std::optional<SlackMessageRow>> open_slack_summary(sql::Connection& db,
                                                          std::int64_t connection_no,
                                                          std::string_view channel);
/// Samples, digests and their like, which have no event with which they would go.
Result<std::int64_t> purge_slack_messages(sql::Connection& db, Timestamp created_before,
                                          std::size_t limit);
/// What a summary tells: how many events of each type it stands for.
struct SlackFolded {
    std::int64_t type = 0;
    std::int64_t count = 0;
};
Result<std::vector<SlackFolded>> count_slack_folded(sql::Connection& db, std::int64_t batch_no);
/// The workspace's events accepted since then, by type: of its latest 50,000.
Result<std::vector<SlackFolded>> count_slack_events(sql::Connection& db, std::int64_t workspace_no,
                                                    Timestamp since);

}  // namespace blotter::store
