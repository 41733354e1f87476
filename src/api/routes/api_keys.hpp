#pragma once

#include <vector>

#include "api/route.hpp"

namespace blotter::api {

// Parts of `workspace_routes`: keys of workspaces and of the installation.
std::vector<Component> api_key_components();
std::vector<Route> api_key_routes();

}  // namespace blotter::api
