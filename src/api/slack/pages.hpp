#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

/// The few pages that a browser sees while a Slack workspace is connected. They load nothing from
/// anywhere and cannot be framed.
namespace blotter::api {

std::string escape_html(std::string_view text);
/// `body` is HTML; `more_policy` is added to the Content-Security-Policy.
http::Response make_slack_page(int status, std::string_view heading, std::string_view body,
                               std::string_view more_policy);

/// What Slack leads back to when something was not as it must be, in words, and the way to begin
/// again.
http::Response slack_refused_page(std::string_view words);
/// What Slack leads back to when all went well.
http::Response slack_connected_page(std::string_view connection);
/// While the installation has no Slack app: how to make one, with the manifest to paste.
http::Response slack_setup_page(std::string_view public_url);
/// "Add to Slack", the channels, what is posted in each, a sample, disconnecting: all of it over
/// the API with the key that is typed in, which stays in the browser.
http::Response slack_connect_page(std::string_view public_url);

}  // namespace blotter::api
