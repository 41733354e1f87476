#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// State 3 is sending. entity_no 0 of a webhook is the workspace's own.
const std::string_view migration_0002 = R"sql(
CREATE TABLE accounting_document (
    no INTEGER PRIMARY KEY /*auto*/,
    id BLOB NOT NULL UNIQUE,
    workspace_no INTEGER NOT NULL REFERENCES workspace (no),
    entity_no INTEGER NOT NULL REFERENCES entity (no),
    state INTEGER NOT NULL,
    supplier TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    validated_ms INTEGER,
    sent_ms INTEGER,
    started_ms INTEGER,
    due_ms INTEGER,
    process INTEGER,
    version INTEGER NOT NULL,
    document BLOB NOT NULL
) /*strict*/;
CREATE INDEX accounting_document_by_workspace ON accounting_document (workspace_no, no);
CREATE INDEX accounting_document_by_state ON accounting_document (workspace_no, state, no);
CREATE INDEX accounting_document_by_entity ON accounting_document (entity_no, no);
CREATE INDEX accounting_document_due ON accounting_document (due_ms, no)
    WHERE due_ms IS NOT NULL;
CREATE INDEX accounting_document_sending ON accounting_document (no) WHERE state = 3;

CREATE TABLE accounting_send (
    document_no INTEGER NOT NULL,
    n INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    took_us INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    detail BLOB NOT NULL,
    PRIMARY KEY (document_no, n)
) /*keyed*/;

CREATE TABLE accounting_webhook (
    workspace_no INTEGER NOT NULL,
    entity_no INTEGER NOT NULL,
    custom INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    url TEXT NOT NULL,
    api_key BLOB,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (workspace_no, entity_no)
) /*keyed*/;

CREATE TABLE accounting_record (
    no INTEGER PRIMARY KEY /*auto*/,
    workspace_no INTEGER NOT NULL,
    entity_no INTEGER NOT NULL REFERENCES entity (no),
    type TEXT NOT NULL,
    reference TEXT NOT NULL,
    active INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (entity_no, type, reference)
) /*strict*/;
CREATE INDEX accounting_record_by_entity ON accounting_record (entity_no, no);
)sql";

}  // namespace blotter::store::schema
