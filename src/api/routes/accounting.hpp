#pragma once

#include <vector>

#include "api/route.hpp"

namespace blotter::api {

/// The rows of accounting_records.cpp: suppliers and dimensions.
std::vector<Route> accounting_record_routes();
std::vector<Component> accounting_record_components();

/// The entity that a path names as `entity_id`; not_found for one of another workspace.
Result<const routing::EntityFacts*> path_entity(const Call& call);

}  // namespace blotter::api
