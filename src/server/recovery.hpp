#pragma once

#include "routing/directory.hpp"
#include "runtime/clock.hpp"
#include "store/sql.hpp"

namespace blotter::server {

/// First attempts that were owed when the program ended become rows that are due now (or held).
/// Gives the seq of the newest event: nothing up to it is owed any more. At start, before the
/// writer runs.
Result<std::int64_t> recover_first_attempts(sql::Connection& db,
                                            const routing::Directory& directory,
                                            const runtime::Clock& clock, std::int64_t watermark);

}  // namespace blotter::server
