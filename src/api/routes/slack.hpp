#pragma once

#include "api/route.hpp"

namespace blotter::api {

/// "Add to Slack" and the way back from Slack.
std::vector<Route> slack_oauth_routes();
/// The buttons in messages, and Slack's own events.
std::vector<Route> slack_inbound_routes();

/// Who cannot show that Slack sent them is refused so many times a minute; whoever can is never
/// kept out by others behind the same address.
Result<> count_slack_refusal(Services& services, const Call& call);

}  // namespace blotter::api
