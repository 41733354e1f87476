#pragma once

#include <chrono>

#include "store/tables/common.hpp"

/// The attempts of deliveries. The first stands in its delivery's row, so that what is delivered at
/// once costs no other; the writing is in deliveries.hpp, together with where the delivery stands.
namespace blotter::store {

struct AttemptRow {
    std::uint32_t n = 0;  ///< from 1; for a skip, how many attempts were made before it
    bool skip = false;    ///< a visible wait behind an open circuit, no attempt
    Timestamp started_at;
    std::chrono::microseconds took{0};
    int outcome = 0;
    std::optional<int> status;
    Bytes detail;  ///< JSON, put together from what is kept
};

/// Oldest first, with skips between them; at most 100.
Result<std::vector<AttemptRow>> list_attempts(sql::Connection& db, std::int64_t delivery_no);

/// Puts another detail in the place of an attempt's: what a receiver answered is erased so.
Result<> replace_attempt_detail(sql::Connection& db, std::int64_t delivery_no,
                                const AttemptRow& attempt);

/// Deletes the attempts of deliveries that are over since before a time. The deliveries stay, with
/// their number of attempts and their reference id, for as long as their events. How far it came is
/// on record, so that no call walks what an earlier one has done; deliveries that were not over
/// then are on a list that is gone through again.
struct AttemptRetention {
    Timestamp before;
    std::int64_t after = 0;   ///< the `next` of the chunk before
    std::size_t limit = 200;  ///< deliveries looked at
};
/// `deleted` counts attempts, and waits behind a circuit.
Result<Chunk> delete_old_attempts(sql::Connection& db, const AttemptRetention& retention);

}  // namespace blotter::store
