#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// key = 2^36 * log + number in it: rows in the order of one integer, as attempts have. In the tree
// of a composed key entries of this size stand in its inner pages too, so that there are more of
// them, and more of them change with each commit.
const std::string_view migration_0007 = R"sql(
CREATE TABLE leaf_lean (
    key INTEGER PRIMARY KEY,
    entry BLOB NOT NULL
) /*strict*/;
INSERT INTO leaf_lean (key, entry)
    SELECT log_no * 68719476736 + n, entry FROM leaf ORDER BY log_no, n;
DROP TABLE leaf;
ALTER TABLE leaf_lean RENAME TO leaf;
)sql";

}  // namespace blotter::store::schema
