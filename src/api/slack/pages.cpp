#include "api/slack/pages.hpp"

#include <fmt/format.h>

#include "connectors/slack/text.hpp"

namespace blotter::api {
namespace {

/// The same as in docs/slack.md, which a test compares.
constexpr std::string_view manifest = R"(display_information:
  name: Blotter
features:
  app_home:
    home_tab_enabled: false
    messages_tab_enabled: true
    messages_tab_read_only_enabled: true
  bot_user:
    display_name: blotter
    always_online: false
oauth_config:
  redirect_urls:
    - {0}/slack/callback
  scopes:
    bot: [chat:write, channels:read]
settings:
  interactivity:
    is_enabled: true
    request_url: {0}/slack/interactions
  token_rotation_enabled: false
)";

}  // namespace

std::string escape_html(std::string_view text) {
    return connectors::slack::replace_each(
        text, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}});
}

http::Response make_slack_page(int status, std::string_view heading, std::string_view body,
                               std::string_view more_policy) {
    http::Response response = http::make_response(
        status, "text/html; charset=utf-8",
        fmt::format("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>"
                    "<body style=\"font-family:sans-serif;max-width:40em;margin:4em auto\">"
                    "<h1>{0}</h1>{1}</body></html>\n",
                    escape_html(heading), body));
    response.headers.set(
        "content-security-policy",
        fmt::format("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
                    "base-uri 'none'; form-action 'none'{}",
                    more_policy));
    response.headers.set("referrer-policy", "no-referrer");
    response.headers.set("cache-control", "no-store");
    return response;
}

http::Response slack_refused_page(std::string_view words) {
    return make_slack_page(
        400, "Slack was not connected",
        fmt::format("<p>{}</p><p><a href=\"connect\">Start again</a></p>", escape_html(words)), "");
}

http::Response slack_connected_page(std::string_view connection) {
    return make_slack_page(200, "Slack is connected",
                           fmt::format("<p>The connection is {}. <a href=\"connect\">Choose a "
                                       "channel now</a>.</p>",
                                       escape_html(connection)),
                           "");
}

http::Response slack_setup_page(std::string_view public_url) {
    const std::string_view insecure =
        public_url.starts_with("https://")
            ? ""
            : "<p><strong>Slack takes only addresses that begin with https://.</strong> Set "
              "listen.public_url to the one under which browsers reach Blotter, and restart; the "
              "addresses below follow.</p>";
    return make_slack_page(
        409, "Slack is not set up yet",
        fmt::format(
            "<p>Blotter needs a Slack app, once for the installation.</p>{}<ol>"
            "<li>At <a href=\"https://api.slack.com/apps\">api.slack.com/apps</a> press Create New "
            "App, choose From a manifest, choose the Slack workspace that will own the app, and "
            "paste this as YAML:<pre>{}</pre></li>"
            "<li>Press Create. Basic Information shows three values under App Credentials. Give "
            "them to Blotter: Client ID as the setting slack.client_id, Client Secret and Signing "
            "Secret in the environment as BLOTTER_SLACK_CLIENT_SECRET and "
            "BLOTTER_SLACK_SIGNING_SECRET.</li>"
            "<li>Restart Blotter and open this page again.</li></ol>"
            "<p>docs/slack.md says more: without a way from Slack to Blotter, for other Slack "
            "workspaces, with links to envelopes.</p>",
            insecure, escape_html(fmt::format(manifest, public_url))),
        "");
}

}  // namespace blotter::api
