#pragma once

#include <vector>

#include "api/route.hpp"

/// A part of the group of alerts.
namespace blotter::api {

std::vector<Route> quarantine_routes();
std::vector<Component> quarantine_components();

}  // namespace blotter::api
