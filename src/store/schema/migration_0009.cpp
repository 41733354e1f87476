#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// Leaves that are committed together are one row. Those that are there stay as they are: a row of
// one leaf has the leaf itself.
const std::string_view migration_0009 = R"sql(
ALTER TABLE leaf ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
)sql";

}  // namespace blotter::store::schema
