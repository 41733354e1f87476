#pragma once

#include "api/slack/channels.hpp"

/// Whether Slack still knows us.
namespace blotter::api {

/// What a token that ran out says about its connection.
enum class RunOut : std::uint8_t {
    ends_it,       ///< there is no way to renew it
    says_nothing,  ///< its renewal did not get through
};

/// Asks Slack who we are there, and with which permissions; a connection that is over is written
/// down as lost. An error says that Slack could not be asked, or the store not be written.
runtime::Task<Result<>> check_slack_identity(Services& services, const OpenSlack& connection,
                                             RunOut run_out);

/// The same for every connection with that Slack workspace; failures are logged.
runtime::Task<> check_slack_team(Services& services, std::string team_id);

/// Writes the line of the log about something that nobody waits for.
void log_slack_upkeep(Services& services, std::string_view what, const Error& error);

}  // namespace blotter::api
