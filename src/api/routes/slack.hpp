#pragma once

#include "api/route.hpp"

namespace blotter::api {

/// "Add to Slack", the way back from Slack, and the buttons in messages.
std::vector<Route> slack_oauth_routes();

}  // namespace blotter::api
