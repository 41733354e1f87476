#pragma once

#include <vector>

#include "api/route.hpp"

namespace blotter::api {

/// The rows of event_reads.cpp.
std::vector<Route> event_read_routes();
std::vector<Component> event_read_components();

}  // namespace blotter::api
