#pragma once

#include "store/tables/common.hpp"

namespace blotter::store {

/// The public id of an envelope that an event names by number, without its document.
Result<std::optional<EnvelopeId>> load_envelope_id(sql::Connection& db, std::int64_t no);

}  // namespace blotter::store
