#include "store/schema/migration_list.hpp"

namespace blotter::store::schema {

// The deliveries of an event have consecutive numbers, which its plan says, so that they are found
// without an index (store/tables/delivery_numbers.hpp). Those planned before this step are kept
// apart as replay -1 and found as what is sent again is. Which destinations have deliveries in a
// block of numbers is noted once for all of them; the block itself is read.
const std::string_view migration_0010 = R"sql(
DROP INDEX delivery_by_event;
UPDATE delivery SET replay_no = -1 WHERE replay_no = 0;
CREATE UNIQUE INDEX delivery_by_event ON delivery (event_seq, destination_no, replay_no)
    WHERE replay_no <> 0;
CREATE TABLE delivery_block (
    block INTEGER NOT NULL,
    destination_no INTEGER NOT NULL,
    PRIMARY KEY (block, destination_no)
) /*keyed*/;
INSERT INTO delivery_block (block, destination_no)
    SELECT DISTINCT no / 1024, destination_no FROM delivery;
DROP INDEX delivery_by_block;
)sql";

}  // namespace blotter::store::schema
