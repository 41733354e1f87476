#pragma once

#include <functional>
#include <string>

#include "api/services.hpp"
#include "api/slack/connections.hpp"
#include "connectors/slack/web_api.hpp"

/// What Slack says about channels, for the picker and for destinations.
namespace blotter::api {

struct SlackChannel {
    std::string id;
    std::string name;
    bool is_member = false;
    bool is_archived = false;
};

/// A connection with its token, for calls on this loop. Errc::not_found for an unknown one,
/// conflict for one that is not connected.
struct OpenSlack {
    store::SlackConnectionRow row;
    WorkspaceId workspace;
    SlackTokens tokens;
};
runtime::Task<Result<OpenSlack>> open_slack(Services& services, std::int64_t workspace_no,
                                            SlackConnectionId id);

/// One call with the token that it is given.
using SlackCall =
    std::function<runtime::Task<connectors::slack::CallAnswer>(const security::Secret& token)>;
/// Calls with the connection's token. One that is not taken may have been renewed while the call
/// was on its way: then it is replaced in `connection`, and the call is made again. Slack knows of
/// a new token a moment before the store does.
runtime::Task<connectors::slack::CallAnswer> ask_slack(Services& services, OpenSlack& connection,
                                                       SlackCall call);

/// A failed call as an error for people; a dead connection is written down as lost.
runtime::Task<Error> slack_failure(Services& services, const OpenSlack& connection,
                                   const connectors::slack::CallAnswer& answer);

/// One channel. Errc::invalid_argument with a pointer to /config/channel when Slack does not know
/// it. Asks by `ask_slack`.
runtime::Task<Result<SlackChannel>> find_slack_channel(Services& services, OpenSlack& connection,
                                                       std::string channel);

struct SlackChannelPage {
    std::vector<SlackChannel> channels;
    std::string next_cursor;        ///< empty at the end
    std::optional<Duration> pause;  ///< Slack asks for fewer calls: the same page after this long
};
/// A page that has channels while there are any: Slack's own pages may be short or empty. Asks by
/// `ask_slack`.
runtime::Task<Result<SlackChannelPage>> list_slack_channels(Services& services,
                                                            OpenSlack& connection,
                                                            std::string cursor, std::size_t limit);

/// What an admin must do before messages arrive; empty when nothing.
std::string membership_hint(const SlackChannel& channel);

/// Of a destination: its connection is one of the workspace's, and its channel exists. Takes the
/// channel's name from Slack. Pointers begin at /config.
runtime::Task<Result<Destination>> check_slack_channel(Services& services, Destination destination);

}  // namespace blotter::api
