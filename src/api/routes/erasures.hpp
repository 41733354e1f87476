#pragma once

#include <vector>

#include "api/route.hpp"

namespace blotter::api {

// Part of `workspace_routes`: erasing the data of persons.
std::vector<Component> erasure_components();
std::vector<Route> erasure_routes();

}  // namespace blotter::api
