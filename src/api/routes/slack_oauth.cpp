#include <array>

#include <fmt/format.h>

#include "api/helpers.hpp"
#include "api/routes/slack.hpp"
#include "api/slack/channels.hpp"
#include "api/slack/pages.hpp"
#include "api/slack/side.hpp"

namespace blotter::api {
namespace {

using connectors::slack::CallAnswer;
using security::Permission;

constexpr Duration grant_time = std::chrono::minutes{10};
constexpr std::string_view cookie_name = "blotter_slack";
constexpr std::size_t secret_bytes = 32;

std::string random_text(runtime::Entropy& entropy) {
    std::array<std::uint8_t, secret_bytes> bytes{};
    entropy.fill(bytes);
    return to_base64url(bytes);
}

std::string redirect_uri(const Services& services) {
    return services.slack->public_url + "/slack/callback";
}

Result<> check_configured(const Services& services) {
    const config::Settings& settings = services.settings;
    if (!settings.slack.client_id.empty() && settings.slack.client_secret.is_set()) return {};
    return fail(Errc::conflict,
                "this installation has no Slack app yet: set slack.client_id and "
                "BLOTTER_SLACK_CLIENT_SECRET (docs/slack.md)");
}

security::Cell verifier_cell(const WorkspaceId& workspace, const Digest& state_hash) {
    return {workspace, "slack_grant", "sealed", state_hash};
}

// --- "Add to Slack" ---

struct Grant {
    std::string state;
    std::string browser;
    std::string verifier;
};

Result<> write_grant(store::Tx& tx, WriterSide& side, const Grant& grant, const Call& call) {
    const Timestamp now = side.clock().wall();
    CHECK(store::purge_slack_grants(tx.db(), now, 100));
    store::SlackGrantRow row;
    row.state_hash = sha256(grant.state);
    row.workspace_no = call.workspace_no;
    row.key_no = call.principal.key_no;
    row.browser_hash = sha256(grant.browser);
    row.expires_at = now + grant_time;
    CHECK(side.keys().ensure(tx, call.workspace, call.workspace_no, now));
    TRY(row.sealed, side.keys().vault().seal(verifier_cell(call.workspace, row.state_hash),
                                             as_bytes(grant.verifier)));
    return store::insert_slack_grant(tx.db(), row);
}

std::string authorize_url(const Services& services, const Grant& grant) {
    const auto& settings = services.settings.slack;
    connectors::slack::Form query{{"client_id", settings.client_id},
                                  {"scope", std::string{slack_scopes}},
                                  {"redirect_uri", redirect_uri(services)},
                                  {"state", grant.state}};
    if (settings.pkce) {
        query.emplace_back("code_challenge", to_base64url(sha256(grant.verifier)));
        query.emplace_back("code_challenge_method", "S256");
    }
    return settings.base_url + "/oauth/v2/authorize?" + connectors::slack::encode_form(query);
}

runtime::Task<Result<Reply>> begin_connect(Services& services, Call& call) {
    CO_CHECK(check_configured(services));
    const Grant grant{random_text(services.entropy), random_text(services.entropy),
                      random_text(services.entropy)};
    CO_CHECK(co_await store::write(services.loop, services.writer,
                                   [&side = services.writer_side, &grant, &call](store::Tx& tx) {
                                       return write_grant(tx, side, grant, call);
                                   }));
    json::Object body{{"authorize_url", authorize_url(services, grant)},
                      {"expires_at", to_rfc3339(call.now + grant_time)}};
    http::Response response =
        http::make_response(200, "application/json", json::to_text(std::move(body)));
    const bool secure = services.slack->public_url.starts_with("https://");
    response.headers.set("set-cookie",
                         fmt::format("{}={}; Path=/slack; Max-Age=600; HttpOnly; SameSite=Lax{}",
                                     cookie_name, grant.browser, secure ? "; Secure" : ""));
    response.headers.set("cache-control", "no-store");
    co_return Reply{200, {}, std::move(response)};
}

runtime::Task<Result<Reply>> show_connect(Services& services, Call&) {
    const std::string& url = services.slack->public_url;
    if (!check_configured(services)) co_return Reply{409, {}, slack_setup_page(url)};
    co_return Reply{200, {}, slack_connect_page(url)};
}

// --- The way back ---

/// The value of our cookie; empty when the browser sent none.
std::string_view browser_of(const http::Request& request) {
    std::string_view field = request.headers.get("cookie");
    while (!field.empty()) {
        const auto end = field.find(';');
        std::string_view pair = field.substr(0, end);
        pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
        if (pair.starts_with(cookie_name) && pair.size() > cookie_name.size() &&
            pair[cookie_name.size()] == '=')
            return pair.substr(cookie_name.size() + 1);
        if (end == std::string_view::npos) break;
        field.remove_prefix(end + 1);
    }
    return {};
}

/// The cookie has done its work, whatever came of it.
Reply page(http::Response response) {
    const int status = response.status;
    response.headers.set(
        "set-cookie",
        fmt::format("{}=; Path=/slack; Max-Age=0; HttpOnly; SameSite=Lax", cookie_name));
    return Reply{status, {}, std::move(response)};
}

Reply refusal(std::string_view words) {
    return page(slack_refused_page(words));
}

struct Taken {
    store::SlackGrantRow grant;
    WorkspaceId workspace;
    std::string verifier;
};

/// Used up by the first who comes with it, whatever becomes of it then.
Result<std::optional<Taken>> take_grant(store::Tx& tx, WriterSide& side, const std::string& state) {
    const Digest hash = sha256(state);
    TRY(auto grant, store::take_slack_grant(tx.db(), hash));
    if (!grant) return std::nullopt;
    const auto* workspace = side.directory().get().workspace(grant->workspace_no);
    if (workspace == nullptr) return std::nullopt;
    CHECK(side.keys().load(tx.db(), workspace->id, workspace->no));
    TRY(const security::Secret verifier,
        side.keys().vault().open(verifier_cell(workspace->id, hash), grant->sealed));
    return Taken{*std::move(grant), workspace->id, std::string{verifier.expose_text()}};
}

std::string text_at(const json::Value& body, std::string_view pointer) {
    const json::Value* value = body.at_pointer(pointer);
    return value == nullptr || value->as_string() == nullptr ? "" : *value->as_string();
}

struct Installed {
    store::SlackConnectionRow row;
    SlackTokens tokens;
};

/// What the exchange of the code gave, or why it is not what was asked for.
Result<Installed> read_access(const CallAnswer& answer, std::int64_t workspace_no, Timestamp now) {
    if (!answer.ok)
        return fail(Errc::conflict,
                    fmt::format("Slack did not accept the exchange ({}).", answer.error));
    Installed out;
    out.row.workspace_no = workspace_no;
    out.row.team_id = text_at(answer.body, "/team/id").substr(0, 64);
    out.row.scopes = text_at(answer.body, "/scope").substr(0, 1'000);
    out.tokens.access = security::Secret::take(text_at(answer.body, "/access_token"));
    out.tokens.refresh = security::Secret::take(text_at(answer.body, "/refresh_token"));
    if (text_at(answer.body, "/token_type") != "bot" || out.tokens.access.empty() ||
        out.row.team_id.empty())
        return fail(Errc::conflict, "Slack gave no bot token. Check the app's settings in Slack.");
    if (const auto missing = missing_slack_scope(out.row.scopes); !missing.empty())
        return fail(Errc::conflict,
                    fmt::format("Slack did not grant the permission {}. Connect again and leave "
                                "all permissions as they are.",
                                missing));
    const json::Value* expires = answer.body.find("expires_in");
    const auto seconds = expires == nullptr ? std::nullopt : expires->as_int64();
    if (seconds) out.row.expires_at = now + std::chrono::seconds{*seconds};
    return out;
}

runtime::Task<Result<Installed>> exchange_code(Services& services, const Taken& taken,
                                               std::string code, Timestamp now) {
    const config::Settings& settings = services.settings;
    connectors::slack::Form form{{"code", std::move(code)},
                                 {"redirect_uri", redirect_uri(services)}};
    if (settings.slack.pkce) form.emplace_back("code_verifier", taken.verifier);
    const CallAnswer answer = co_await services.slack->api.post_as_app(
        "oauth.v2.access",
        settings.slack.client_id + ":" + std::string{settings.slack.client_secret.reveal()},
        std::move(form));
    CO_TRY(Installed installed, read_access(answer, taken.grant.workspace_no, now));
    const CallAnswer identity =
        co_await services.slack->api.post_form("auth.test", installed.tokens.access, {});
    if (!identity.ok || text_at(identity.body, "/team_id") != installed.row.team_id)
        co_return fail(Errc::conflict, "Slack does not confirm the identity of the connection.");
    co_return installed;
}

runtime::Task<Result<Reply>> take_consent(Services& services, Call& call) {
    const std::string* state = call.query.find("state");
    if (state == nullptr || state->size() > 200)
        co_return refusal("This address is where Slack sends you back to.");
    // Anybody can ask here: only what was begun is worth the writer's time.
    CO_TRY(const bool begun,
           co_await store::read(services.loop, services.reader, [state](sql::Connection& db) {
               return store::has_slack_grant(db, sha256(*state));
           }));
    std::optional<Taken> taken;
    if (begun) {
        CO_TRY(taken, co_await store::write(services.loop, services.writer,
                                            [&side = services.writer_side, state](store::Tx& tx) {
                                                return take_grant(tx, side, *state);
                                            }));
    }
    if (!taken || taken->grant.expires_at <= call.now)
        co_return refusal(
            "This answer of Slack is too old or was used before. There are ten minutes, and each "
            "answer counts once.");
    const Digest browser = sha256(browser_of(call.request));
    if (!constant_time_equal(browser, taken->grant.browser_hash))
        co_return refusal(
            fmt::format("This answer of Slack belongs to another browser session. Start again in "
                        "this browser, at {}/slack/connect: under another address of Blotter the "
                        "browser is not known here.",
                        services.slack->public_url));
    if (const std::string* error = call.query.find("error"))
        co_return refusal(*error == "access_denied"
                              ? "Access was declined in Slack. Nothing was changed."
                              : "Slack reports a problem (" + error->substr(0, 100) + ").");
    const std::string* code = call.query.find("code");
    if (code == nullptr || code->size() > 1'000) co_return refusal("Slack sent no code.");
    auto installed = co_await exchange_code(services, *taken, *code, call.now);
    if (!installed) co_return refusal(installed.error().detail);
    CO_TRY(const auto connected,
           co_await store::write(services.loop, services.writer,
                                 [&side = services.writer_side, &installed](store::Tx& tx) {
                                     return connect_slack(tx, side, installed->row,
                                                          installed->tokens);
                                 }));
    services.log.info("slack.connected", {{"name", connected.id.text()}});
    co_return page(slack_connected_page(connected.id.text()));
}

runtime::Task<Result<Reply>> finish_connect(Services& services, Call& call) {
    auto reply = co_await take_consent(services, call);
    if (reply && reply->status >= 400) CO_CHECK(count_slack_refusal(services, call));
    co_return reply;
}

}  // namespace

std::vector<Route> slack_oauth_routes() {
    using http::Method;
    return {
        {.method = Method::post,
         .path = "/v1/slack/connect",
         .operation = "beginSlackConnect",
         .tag = "slack",
         .summary = "Begin to connect a Slack workspace: gives the address of Slack's consent page",
         .permission = Permission::destinations_write,
         .takes = Takes::json,
         .response = R"({"type":"object","properties":{"authorize_url":{"type":"string"},)"
                     R"("expires_at":{"type":"string","format":"date-time"}}})",
         .handler = begin_connect},
        {.method = Method::get,
         .path = "/slack/connect",
         .operation = "showSlackConnect",
         .tag = "slack",
         .summary = "A page to connect Slack and to choose channels",
         .access = Access::open,
         .handler = show_connect},
        {.method = Method::get,
         .path = "/slack/callback",
         .operation = "finishSlackConnect",
         .tag = "slack",
         .summary = "Where Slack sends the browser back to",
         .access = Access::open,
         .parameters = {{"code", "Slack's code"},
                        {"state", "What the request for consent carried"},
                        {"error", "Why there is no code"},
                        {"error_description", "The same in words"}},
         .handler = finish_connect},
    };
}

}  // namespace blotter::api
