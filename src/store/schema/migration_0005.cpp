#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// One row for what was written together, not one for each request: store/tables/request_log.hpp.
// `no` is the number of the slice's last request, `lines` ends each request with a line feed and
// parts its fields by tabs. What is there becomes slices of one.
const std::string_view migration_0005 = R"sql(
CREATE TABLE request_slice (
    no INTEGER PRIMARY KEY,
    workspace_no INTEGER,
    count INTEGER NOT NULL,
    newest_ms INTEGER NOT NULL,
    lines TEXT NOT NULL
) /*strict*/;
INSERT INTO request_slice (no, workspace_no, count, newest_ms, lines)
    SELECT no, workspace_no, 1, at_ms,
        at_ms || '	' || COALESCE(key_no, 0) || '	' || status || '	' || took_us || '	' ||
        method || '	' || remote || '	' || request_id || '	' || path || '
' FROM request_log;
DROP TABLE request_log;
CREATE INDEX request_slice_by_workspace ON request_slice (workspace_no, no);
)sql";

}  // namespace blotter::store::schema
