#pragma once

#include <vector>

#include "api/route.hpp"

namespace blotter::api {

/// The rows of envelope_actions.cpp: what changes an envelope.
std::vector<Route> envelope_action_routes();
std::vector<Component> envelope_action_components();

}  // namespace blotter::api
