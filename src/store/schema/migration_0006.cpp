#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// A delivery that was planned with its event pays for its row and two index entries, not for six:
// its public id comes from its event's (store/tables/delivery_ids.hpp; `id` is set for what is sent
// again, and for what is older than this step), its first attempt stands in the row (first_…, NULL
// before it and once retention has taken it), and the deliveries of a workspace are those of its
// destinations. Those of a destination are found block by block: an index that begins with the
// destination has the entries of one commit on as many pages as there are destinations, this one on
// a few.
const std::string_view migration_0006 = R"sql(
CREATE TABLE delivery_lean (
    no INTEGER PRIMARY KEY /*next*/,
    id BLOB,
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
    created_ms INTEGER NOT NULL,
    first_took_us INTEGER,
    first_outcome INTEGER,
    first_status INTEGER,
    first_detail BLOB
) /*strict*/;
INSERT INTO delivery_lean
    SELECT d.no, d.id, d.event_seq, d.destination_no, d.workspace_no, d.replay_no, d.replay_of,
        d.state, d.attempts, d.first_ms, d.last_ms, d.next_ms, d.reference, d.reason, d.created_ms,
        a.took_us, a.outcome, a.status, a.detail
    FROM delivery d LEFT JOIN attempt a ON a.key = d.no * 64 + 2 ORDER BY d.no;
DROP TABLE delivery;
ALTER TABLE delivery_lean RENAME TO delivery;
CREATE UNIQUE INDEX delivery_by_id ON delivery (id) WHERE id IS NOT NULL;
CREATE UNIQUE INDEX delivery_by_event ON delivery (event_seq, destination_no, replay_no);
-- 1024: store/tables/delivery_list.cpp.
CREATE INDEX delivery_by_block ON delivery ((no / 1024), destination_no, no);
-- 5 is delivered, the many; the few others are what people look for.
CREATE INDEX delivery_by_state ON delivery (workspace_no, state, no) WHERE state <> 5;
CREATE INDEX delivery_open ON delivery (destination_no, no) WHERE state IN (1, 3);
CREATE INDEX destination_of_workspace ON destination (workspace_no, no);
-- Only attempts after the first, and waits behind a circuit.
DELETE FROM attempt WHERE key % 64 = 2;
-- Deliveries whose attempts retention came past while they were not over, or not for long enough.
CREATE TABLE attempt_kept (
    delivery_no INTEGER PRIMARY KEY
) /*strict*/;
)sql";

}  // namespace blotter::store::schema
