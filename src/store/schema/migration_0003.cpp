#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// Slack: connected workspaces, grants that are being asked for, and one row per message. A row of
// slack_message is written before anything is sent, so that no message is ever sent twice.
const std::string_view migration_0003 = R"sql(
CREATE TABLE slack_connection (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL REFERENCES workspace (no),
    team_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    state INTEGER NOT NULL,
    reason TEXT NOT NULL,
    sealed BLOB,
    expires_ms INTEGER,
    checked_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (workspace_no, team_id)
) /*strict*/;
CREATE INDEX slack_connection_by_workspace ON slack_connection (workspace_no, no);
CREATE INDEX slack_connection_by_state ON slack_connection (state, no);

CREATE TABLE slack_grant (
    state_hash BLOB PRIMARY KEY,
    workspace_no INTEGER NOT NULL REFERENCES workspace (no),
    key_no INTEGER NOT NULL,
    browser_hash BLOB NOT NULL,
    sealed BLOB NOT NULL,
    expires_ms INTEGER NOT NULL
) /*keyed*/;
CREATE INDEX slack_grant_by_expiry ON slack_grant (expires_ms);

CREATE TABLE slack_message (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL,
    connection_no INTEGER NOT NULL,
    channel TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    template TEXT NOT NULL,
    destination_no INTEGER NOT NULL,
    envelope_no INTEGER,
    batch_no INTEGER,
    state INTEGER NOT NULL,
    run INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    ts TEXT NOT NULL,
    outcome TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    acted_ms INTEGER,
    UNIQUE (connection_no, channel, event_seq, template)
) /*strict*/;
CREATE INDEX slack_message_by_workspace ON slack_message (workspace_no, no);
-- 2 is sent and 7 is folded, the many; 3 is held, what people must decide about.
CREATE INDEX slack_message_by_state ON slack_message (workspace_no, state, no)
    WHERE state NOT IN (2, 7);
-- 8 is a summary or digest that waits to be sent, 9 a summary that still grows.
CREATE INDEX slack_message_waiting ON slack_message (state, no) WHERE state IN (8, 9);
CREATE INDEX slack_message_by_envelope ON slack_message (connection_no, channel, envelope_no, no)
    WHERE envelope_no IS NOT NULL;
-- They go with their event; those of no event (0) go by age.
CREATE INDEX slack_message_by_event ON slack_message (event_seq, no);
CREATE INDEX slack_message_by_batch ON slack_message (batch_no, no) WHERE batch_no IS NOT NULL;
)sql";

}  // namespace blotter::store::schema
