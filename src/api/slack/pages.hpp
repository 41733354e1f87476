#pragma once

#include <string_view>

#include "http/message.hpp"

/// The few pages that a browser sees while a Slack workspace is connected. They load nothing from
/// anywhere and cannot be framed.
namespace blotter::api {

http::Response slack_page(int status, std::string_view heading, std::string_view words);

/// "Add to Slack": takes an API key, asks `POST /v1/slack/connect` with it, and goes where that
/// says. The key stays in the browser.
http::Response slack_connect_page();

}  // namespace blotter::api
