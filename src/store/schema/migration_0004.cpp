#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// Every event paid for this index, and no query walks the keys of a workspace.
const std::string_view migration_0004 = R"sql(
DROP INDEX subject_key_alive;
)sql";

}  // namespace blotter::store::schema
