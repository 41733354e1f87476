#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// What attempts of a destination have in common; their details name it by number. The number is
// never given twice: a detail may be there a little longer than its form.
const std::string_view migration_0008 = R"sql(
CREATE TABLE attempt_form (
    no INTEGER PRIMARY KEY /*auto*/,
    destination_no INTEGER NOT NULL,
    hash BLOB NOT NULL,
    used_ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    facts TEXT NOT NULL
) /*strict*/;
CREATE UNIQUE INDEX attempt_form_by_hash ON attempt_form (destination_no, hash);
CREATE INDEX attempt_form_by_use ON attempt_form (used_ms);
)sql";

}  // namespace blotter::store::schema
