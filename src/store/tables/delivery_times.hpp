#pragma once

#include "store/tables/common.hpp"

namespace blotter::store {

/// The number of the newest delivery that is written; 0 without any.
Result<std::int64_t> newest_delivery_no(sql::Connection& db);
/// The first that is written, from a number on.
Result<std::optional<std::int64_t>> next_delivery_no(sql::Connection& db, std::int64_t from);
/// The first delivery number created at or after a time, one past the last if there is none: by
/// binary search over the numbers, which grow with time, instead of an index that every delivery
/// would pay for. Exact as long as the wall clock was never set back; callers leave some slack.
Result<std::int64_t> delivery_no_at(sql::Connection& db, Timestamp at);

}  // namespace blotter::store
