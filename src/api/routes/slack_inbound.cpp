// What Slack itself sends, signed: pressed buttons, and that the app was removed.
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

#include "api/envelope_store.hpp"
#include "api/routes/slack.hpp"
#include "api/slack/identity.hpp"
#include "api/slack/resend.hpp"
#include "security/hmac.hpp"

namespace blotter::api {
namespace {

/// A message of ours comes back whole with a pressed button.
constexpr std::uint64_t request_bytes_max = 256 << 10;

std::string text_at(const json::Value& body, std::string_view pointer) {
    const json::Value* value = body.at_pointer(pointer);
    return value == nullptr || value->as_string() == nullptr ? "" : *value->as_string();
}

/// "v0=" and the hex HMAC-SHA256 of "v0:time:body" under the app's signing secret.
Result<> check_signature(const Services& services, const Call& call) {
    const auto& secret = services.settings.slack.signing_secret;
    if (!secret.is_set())
        return fail(Errc::not_found, "this installation takes no requests from Slack");
    const std::string_view time = call.request.headers.get("x-slack-request-timestamp");
    const std::string_view given = call.request.headers.get("x-slack-signature");
    std::int64_t at = 0;
    const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), at);
    const std::int64_t now = to_ms(call.now) / 1'000;
    const bool fresh = error == std::errc{} && end == time.data() + time.size() &&
                       std::abs(now - at) <= 300 && !time.empty();
    const std::string signed_text = fmt::format("v0:{}:{}", time, call.request.body);
    const std::string expected =
        "v0=" + to_hex(security::hmac_sha256(as_bytes(secret.reveal()), as_bytes(signed_text)));
    const bool genuine = constant_time_equal(as_bytes(expected), as_bytes(given));
    if (fresh && genuine) return {};
    return fail(Errc::bad_signature, "the signature is not Slack's, or the request is too old");
}

Result<> check_sender(Services& services, const Call& call) {
    auto genuine = check_signature(services, call);
    if (!genuine && genuine.error().code == Errc::bad_signature)
        CHECK(count_slack_refusal(services, call));
    return genuine;
}

// --- Buttons ---

runtime::Task<Result<Reply>> take_interaction(Services& services, Call& call) {
    CO_CHECK(check_sender(services, call));
    CO_TRY(const http::Query form, http::Query::parse(call.request.body));
    const std::string* payload = form.find("payload");
    if (payload == nullptr)
        co_return fail(Errc::invalid_argument, "there is no payload", "/payload");
    CO_TRY(const json::Value body, json::parse(*payload, {.bytes_max = payload->size() + 1}));
    // An address was opened in the browser, or an event of another kind: heard, nothing to do.
    if (text_at(body, "/actions/0/action_id") != "send_again") co_return Reply{};
    const auto id = SlackMessageId::parse(text_at(body, "/actions/0/value"));
    if (!id) co_return Reply{};
    co_await take_resend(services,
                         {*id, text_at(body, "/team/id"), text_at(body, "/user/id").substr(0, 64)});
    co_return Reply{};
}

// --- Events ---

/// Slack's word that something ended is a reason to ask, not more: it may come late, when the
/// workspace was connected again.
runtime::Task<Result<Reply>> take_event(Services& services, Call& call) {
    CO_CHECK(check_sender(services, call));
    const std::string& text = call.request.body;
    CO_TRY(const json::Value body, json::parse(text, {.bytes_max = text.size() + 1}));
    if (text_at(body, "/type") == "url_verification")
        co_return Reply{200, json::Object{{"challenge", text_at(body, "/challenge")}}, {}};
    const std::string what = text_at(body, "/event/type");
    if (what == "app_uninstalled" || what == "tokens_revoked")
        co_await check_slack_team(services, text_at(body, "/team_id"));
    co_return Reply{};
}

}  // namespace

Result<> count_slack_refusal(Services& services, const Call& call) {
    if (services.limits.slack.take(call.remote, services.loop.now())) return {};
    return fail(Errc::too_many_requests,
                "too many requests that are not Slack's came from this address; wait a minute");
}

std::vector<Route> slack_inbound_routes() {
    using http::Method;
    return {
        {.method = Method::post,
         .path = "/slack/interactions",
         .operation = "takeSlackInteraction",
         .tag = "slack",
         .summary = "Where Slack reports that a button was pressed; signed by Slack",
         .access = Access::open,
         .handler = take_interaction,
         .bytes_max = request_bytes_max},
        {.method = Method::post,
         .path = "/slack/events",
         .operation = "takeSlackEvent",
         .tag = "slack",
         .summary = "Where Slack reports that the app was removed; signed by Slack",
         .access = Access::open,
         .handler = take_event,
         .bytes_max = request_bytes_max},
    };
}

}  // namespace blotter::api
