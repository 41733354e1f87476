#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// Types are upper case and names lower case: PostgreSQL's types are put in by name.
// Hot tables (event, leaf, delivery, attempt) have no foreign keys: their parents are checked by
// the code that makes them, and a lookup per row would cost more than the row.
const std::string_view migration_0001 = R"sql(
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) /*keyed*/;

-- Tenants ------------------------------------------------------------------------------------

CREATE TABLE workspace (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    settings TEXT NOT NULL
) /*strict*/;

CREATE TABLE entity (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL REFERENCES workspace (no),
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    settings TEXT NOT NULL,
    UNIQUE (workspace_no, reference)
) /*strict*/;
CREATE INDEX entity_by_workspace ON entity (workspace_no, no);

-- Access and keys ----------------------------------------------------------------------------

CREATE TABLE api_key (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER REFERENCES workspace (no),
    name TEXT NOT NULL,
    role INTEGER NOT NULL,
    scopes TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    last_used_ms INTEGER
) /*strict*/;
CREATE INDEX api_key_by_workspace ON api_key (workspace_no, no);

CREATE TABLE request_log (
    no INTEGER PRIMARY KEY /*next*/,
    at_ms INTEGER NOT NULL,
    workspace_no INTEGER,
    key_no INTEGER,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    took_us INTEGER NOT NULL,
    remote TEXT NOT NULL,
    request_id TEXT NOT NULL
) /*strict*/;
CREATE INDEX request_log_by_workspace ON request_log (workspace_no, no);

CREATE TABLE idempotency (
    workspace_no INTEGER NOT NULL,
    key_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    state INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    subject BLOB,
    PRIMARY KEY (workspace_no, key_hash)
) /*strict*/;
CREATE INDEX idempotency_by_age ON idempotency (created_ms);
CREATE INDEX idempotency_by_subject ON idempotency (subject) WHERE subject IS NOT NULL;

CREATE TABLE data_key (
    id BLOB PRIMARY KEY,
    workspace_no INTEGER NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    commitment BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    retired_ms INTEGER
) /*keyed*/;
CREATE INDEX data_key_by_workspace ON data_key (workspace_no, created_ms);

CREATE TABLE subject_key (
    subject BLOB PRIMARY KEY,
    workspace_no INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    destroyed_ms INTEGER
) /*keyed*/;
CREATE INDEX subject_key_alive ON subject_key (workspace_no, subject) WHERE destroyed_ms IS NULL;

-- The subject by its public name: an event that was set aside may have had the id of another.
CREATE TABLE erasure (
    subject TEXT PRIMARY KEY,
    workspace_no INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    summary TEXT NOT NULL
) /*keyed*/;

-- Destinations -------------------------------------------------------------------------------

CREATE TABLE destination (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL REFERENCES workspace (no),
    entity_no INTEGER REFERENCES entity (no),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    state INTEGER NOT NULL,
    state_reason TEXT NOT NULL,
    config TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    deleted_ms INTEGER
) /*strict*/;
CREATE INDEX destination_by_workspace ON destination (workspace_no, no) WHERE deleted_ms IS NULL;
CREATE INDEX destination_alive ON destination (no) WHERE deleted_ms IS NULL;

CREATE TABLE destination_secret (
    no INTEGER PRIMARY KEY /*auto*/,
    destination_no INTEGER NOT NULL REFERENCES destination (no),
    purpose TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER
) /*strict*/;
CREATE INDEX destination_secret_by_destination ON destination_secret (destination_no, no);
CREATE INDEX destination_secret_by_expiry ON destination_secret (expires_ms)
    WHERE expires_ms IS NOT NULL;

-- Files --------------------------------------------------------------------------------------

CREATE TABLE blob (
    sha256 BLOB PRIMARY KEY,
    bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) /*keyed*/;

CREATE TABLE file (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL REFERENCES workspace (no),
    sha256 BLOB NOT NULL REFERENCES blob (sha256),
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    name BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) /*strict*/;
CREATE INDEX file_by_blob ON file (sha256);

-- Which envelopes, documents and events name a file: it goes when none does any more.
CREATE TABLE file_use (
    owner BLOB NOT NULL,
    file_id BLOB NOT NULL,
    PRIMARY KEY (owner, file_id)
) /*keyed*/;
CREATE INDEX file_use_by_file ON file_use (file_id);

-- Bytes that are to be removed from the disk: on record until they are gone.
CREATE TABLE blob_doomed (
    sha256 BLOB PRIMARY KEY
) /*keyed*/;

CREATE TABLE file_access (
    no INTEGER PRIMARY KEY /*next*/,
    at_ms INTEGER NOT NULL,
    file_id BLOB NOT NULL,
    event_seq INTEGER,
    destination_no INTEGER,
    remote TEXT NOT NULL,
    status INTEGER NOT NULL
) /*strict*/;
CREATE INDEX file_access_by_event ON file_access (event_seq, no) WHERE event_seq IS NOT NULL;
CREATE INDEX file_access_by_file ON file_access (file_id, no);

CREATE TABLE link_renewal (
    event_seq INTEGER NOT NULL,
    destination_no INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (event_seq, destination_no)
) /*keyed*/;

-- Envelopes ----------------------------------------------------------------------------------

CREATE TABLE envelope (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL,
    entity_no INTEGER,
    state INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    completed_ms INTEGER,
    version INTEGER NOT NULL,
    document BLOB NOT NULL
) /*strict*/;
CREATE INDEX envelope_by_workspace ON envelope (workspace_no, no);
CREATE INDEX envelope_by_entity ON envelope (entity_no, no) WHERE entity_no IS NOT NULL;
CREATE INDEX envelope_by_state ON envelope (workspace_no, state, no);
CREATE INDEX envelope_by_completion ON envelope (workspace_no, completed_ms, no)
    WHERE completed_ms IS NOT NULL;
-- Terminal states begin at 10.
CREATE INDEX envelope_by_expiry ON envelope (expires_ms, no)
    WHERE state < 10 AND expires_ms IS NOT NULL;

-- Events and the ledger ----------------------------------------------------------------------

CREATE TABLE event (
    seq INTEGER PRIMARY KEY /*next*/,
    id BLOB NOT NULL,
    workspace_no INTEGER NOT NULL,
    type INTEGER NOT NULL,
    envelope_no INTEGER,
    order_key INTEGER,
    entities BLOB,
    occurred_ms INTEGER NOT NULL,
    accepted_ms INTEGER NOT NULL,
    request_hash BLOB,
    log_no INTEGER NOT NULL,
    leaf INTEGER NOT NULL,
    plan BLOB,
    document_no INTEGER,
    payload BLOB NOT NULL
) /*strict*/;
CREATE UNIQUE INDEX event_by_id ON event (id);
CREATE INDEX event_by_workspace ON event (workspace_no, seq);
CREATE INDEX event_by_envelope ON event (envelope_no, seq) WHERE envelope_no IS NOT NULL;
CREATE INDEX event_by_document ON event (document_no, seq) WHERE document_no IS NOT NULL;

-- Where the entries of events are that are no longer kept: their proofs are still given.
CREATE TABLE event_leaf (
    id BLOB PRIMARY KEY,
    workspace_no INTEGER NOT NULL,
    log_no INTEGER NOT NULL,
    leaf INTEGER NOT NULL
) /*keyed*/;

CREATE TABLE event_key (
    workspace_no INTEGER NOT NULL,
    key BLOB NOT NULL,
    event_seq INTEGER NOT NULL,
    request_hash BLOB NOT NULL,
    PRIMARY KEY (workspace_no, key)
) /*keyed*/;
CREATE INDEX event_key_by_event ON event_key (event_seq);

CREATE TABLE log (
    no INTEGER PRIMARY KEY /*auto*/,
    workspace_no INTEGER,
    origin TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    forked_from INTEGER REFERENCES log (no),
    closed_ms INTEGER
) /*strict*/;
CREATE INDEX log_open ON log (workspace_no, no) WHERE closed_ms IS NULL;

CREATE TABLE leaf (
    log_no INTEGER NOT NULL,
    n INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (log_no, n)
) /*keyed*/;

CREATE TABLE tile (
    log_no INTEGER NOT NULL,
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (log_no, level, idx)
) /*keyed*/;

CREATE TABLE checkpoint (
    log_no INTEGER NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL,
    signed_ms INTEGER NOT NULL,
    PRIMARY KEY (log_no, size)
) /*keyed*/;

-- Deliveries ---------------------------------------------------------------------------------

CREATE TABLE delivery (
    no INTEGER PRIMARY KEY /*next*/,
    id BLOB NOT NULL,
    event_seq INTEGER NOT NULL,
    destination_no INTEGER NOT NULL,
    workspace_no INTEGER NOT NULL,
    replay_no INTEGER NOT NULL,
    replay_of INTEGER,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    first_ms INTEGER,
    last_ms INTEGER,
    next_ms INTEGER,
    reference TEXT,
    reason TEXT,
    created_ms INTEGER NOT NULL
) /*strict*/;
CREATE UNIQUE INDEX delivery_by_id ON delivery (id);
CREATE UNIQUE INDEX delivery_by_event ON delivery (event_seq, destination_no, replay_no);
CREATE INDEX delivery_by_destination ON delivery (destination_no, no);
CREATE INDEX delivery_by_workspace ON delivery (workspace_no, no);
-- 5 is delivered, the many; the few others are what people look for.
CREATE INDEX delivery_by_state ON delivery (workspace_no, state, no) WHERE state <> 5;
CREATE INDEX delivery_open ON delivery (destination_no, no) WHERE state IN (1, 3);

-- key = 64 * delivery number + 2 * attempt number + 1 for a skip: one tree, in order, and rows
-- that keep their detail beside them (a tree keyed by columns would put it on pages of its own).
CREATE TABLE attempt (
    key INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    took_us INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    status INTEGER,
    detail BLOB NOT NULL
) /*strict*/;

CREATE TABLE due (
    due_ms INTEGER NOT NULL,
    delivery_no INTEGER NOT NULL,
    destination_no INTEGER NOT NULL,
    PRIMARY KEY (due_ms, delivery_no)
) /*keyed*/;
CREATE INDEX due_by_destination ON due (destination_no, due_ms, delivery_no);

CREATE TABLE held (
    destination_no INTEGER NOT NULL,
    delivery_no INTEGER NOT NULL,
    PRIMARY KEY (destination_no, delivery_no)
) /*keyed*/;

CREATE TABLE replay (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL,
    destination_no INTEGER,
    filter TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    position INTEGER NOT NULL,
    state INTEGER NOT NULL
) /*strict*/;
CREATE INDEX replay_by_workspace ON replay (workspace_no, no);
CREATE INDEX replay_running ON replay (no) WHERE state = 1;

-- For people ---------------------------------------------------------------------------------

CREATE TABLE alert (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    detail TEXT NOT NULL,
    acknowledged_by TEXT NOT NULL,
    acknowledged_ms INTEGER,
    resolved_by TEXT NOT NULL,
    resolved_ms INTEGER
) /*strict*/;
-- One that is not resolved for each cause: the same again is folded into it.
CREATE UNIQUE INDEX alert_unresolved ON alert (workspace_no, kind, subject) WHERE state < 3;
CREATE INDEX alert_by_workspace ON alert (workspace_no, no);
CREATE INDEX alert_by_state ON alert (workspace_no, state, no);
CREATE INDEX alert_resolved ON alert (resolved_ms) WHERE resolved_ms IS NOT NULL;

CREATE TABLE quarantine (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL,
    state INTEGER NOT NULL,
    decided_by TEXT NOT NULL,
    decided_ms INTEGER,
    subject BLOB
) /*strict*/;
CREATE INDEX quarantine_by_subject ON quarantine (subject) WHERE subject IS NOT NULL;
CREATE INDEX quarantine_by_workspace ON quarantine (workspace_no, no);
CREATE INDEX quarantine_by_state ON quarantine (workspace_no, state, no);
)sql";

}  // namespace blotter::store::schema
