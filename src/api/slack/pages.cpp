#include "api/slack/pages.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "connectors/slack/text.hpp"

namespace blotter::api {
namespace {

constexpr std::string_view form = R"html(
<p>Slack asks next whether Blotter may post messages and see the names of public channels. This
takes an API key with the permission destinations:write; it is used for one request and not kept.</p>
<form id="ask">
<p><label>API key<br>
<input id="key" type="password" autocomplete="off" size="60" required></label></p>
<p><label>Workspace (ws_…), only for a key of the whole installation<br>
<input id="workspace" autocomplete="off" size="60"></label></p>
<p><button>Add to Slack</button></p>
</form>
<p id="said" role="alert"></p>)html";

constexpr std::string_view script = R"js(
const part = (id) => document.getElementById(id);
part('ask').addEventListener('submit', async (event) => {
  event.preventDefault();
  const headers = { 'content-type': 'application/json' };
  headers.authorization = 'Bearer ' + part('key').value.trim();
  const workspace = part('workspace').value.trim();
  if (workspace) headers['blotter-workspace'] = workspace;
  try {
    const answer = await fetch('../v1/slack/connect', { method: 'POST', headers, body: '{}' });
    const json = await answer.json();
    if (answer.ok) location.assign(json.authorize_url);
    else part('said').textContent = json.detail || json.title;
  } catch {
    part('said').textContent = 'Blotter did not answer. Try again.';
  }
});
)js";

std::string html(std::string_view text) {
    return connectors::slack::replace_each(
        text, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}});
}

http::Response make_page(int status, std::string_view heading, std::string_view body,
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

}  // namespace

http::Response slack_page(int status, std::string_view heading, std::string_view words) {
    return make_page(status, heading, "<p>" + html(words) + "</p>", "");
}

http::Response slack_connect_page() {
    static const std::string policy =
        fmt::format("; connect-src 'self'; script-src 'sha256-{}'", to_base64(sha256(script)));
    return make_page(200, "Connect Slack", fmt::format("{}<script>{}</script>", form, script),
                     policy);
}

}  // namespace blotter::api
