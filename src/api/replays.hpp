#pragma once

#include <vector>

#include "api/route.hpp"

/// The routes of replays by time range, a part of the group of deliveries.
namespace blotter::api {

std::vector<Route> replay_routes();
std::vector<Component> replay_components();

}  // namespace blotter::api
