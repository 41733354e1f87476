#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// Planned deliveries that were taken at the first attempt, 64 numbers to a row
// (store/tables/delivered.hpp). Those that were written before this step stay rows of `delivery`.
const std::string_view migration_0011 = R"sql(
CREATE TABLE delivered (
    block INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    entries BLOB NOT NULL
) /*strict*/;
)sql";

}  // namespace blotter::store::schema
