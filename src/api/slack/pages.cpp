#include "api/slack/pages.hpp"

#include <fmt/format.h>

#include "connectors/slack/text.hpp"

namespace blotter::api {
namespace {

std::string html(std::string_view text) {
    return connectors::slack::replace_each(
        text, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}});
}

}  // namespace

http::Response make_slack_page(int status, std::string_view heading, std::string_view body,
                               std::string_view more_policy) {
    http::Response response = http::make_response(
        status, "text/html; charset=utf-8",
        fmt::format("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>"
                    "<body style=\"font-family:sans-serif;max-width:40em;margin:4em auto\">"
                    "<h1>{0}</h1>{1}</body></html>\n",
                    html(heading), body));
    response.headers.set(
        "content-security-policy",
        fmt::format("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
                    "base-uri 'none'; form-action 'none'{}",
                    more_policy));
    response.headers.set("referrer-policy", "no-referrer");
    response.headers.set("cache-control", "no-store");
    return response;
}

http::Response slack_page(int status, std::string_view heading, std::string_view words) {
    return make_slack_page(status, heading, "<p>" + html(words) + "</p>", "");
}

http::Response slack_connected_page(std::string_view connection) {
    return make_slack_page(200, "Slack is connected",
                           fmt::format("<p>The connection is {}. <a href=\"connect\">Choose a "
                                       "channel now</a>.</p>",
                                       html(connection)),
                           "");
}

}  // namespace blotter::api
