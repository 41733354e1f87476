#include "cli/trigger.hpp"

#include "cli/http_call.hpp"
#include "connectors/event_body.hpp"
#include "intake/event_schemas.hpp"
#include "runtime/clock.hpp"
#include "runtime/entropy.hpp"
#include "security/standard_webhooks.hpp"

namespace blotter::cli {
namespace {

std::string all_types() {
    std::string out;
    for (const EventType type : all_event_types()) {
        if (!out.empty()) out += ", ";
        out += to_text(type);
    }
    return out;
}

/// The example of the type, marked so that nobody takes it for real.
json::Value test_data(EventType type) {
    json::Value data = intake::example_of(type);
    data.as_object()->set("test", true);
    return data;
}

std::string without_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

CallRequest api_request(const TriggerOptions& options, std::string path, const json::Value& body) {
    CallRequest request;
    request.method = http::Method::post;
    request.url = without_slash(options.url) + std::move(path);
    request.headers = {{"authorization", "Bearer " + options.key},
                       {"content-type", "application/json"}};
    if (!options.workspace.empty())
        request.headers.emplace_back("blotter-workspace", options.workspace);
    request.body = json::to_text(body);
    return request;
}

Result<CallRequest> signed_request(const TriggerOptions& options, EventType type) {
    const runtime::SystemClock clock;
    runtime::SystemEntropy entropy;
    connectors::EventFacts event;
    const Timestamp now = clock.wall();
    event.id = entropy.id<EventId>(now);
    event.type = type;
    event.occurred_at = now;
    event.accepted_at = now;
    event.workspace_id = entropy.id<WorkspaceId>(now).text();
    event.data = test_data(type);
    std::vector<security::WebhookSecret> secrets;
    TRY(auto secret, security::WebhookSecret::parse(options.secret));
    secrets.push_back(std::move(secret));
    TRY(auto signer, security::WebhookSigner::create(secrets));
    CallRequest request;
    request.method = http::Method::post;
    request.url = options.url;
    // No links: this event has no files behind it.
    request.body = connectors::canonical_payload(event);
    const auto at = security::webhook_second(now);
    TRY(std::string signature, signer.sign({event.id.text(), at, as_bytes(request.body)}));
    request.headers = {{"content-type", "application/json"},
                       {"user-agent", "Blotter trigger"},
                       {"webhook-id", event.id.text()},
                       {"webhook-timestamp", std::to_string(at.time_since_epoch().count())},
                       {"webhook-signature", std::move(signature)}};
    return request;
}

int show(Console& console, const CallAnswer& answer) {
    const auto document = answer.document();
    console.line("{} {}, after {} ms", answer.status, http::reason_of(answer.status),
                 answer.took.count());
    if (!answer.body.empty())
        console.line("{}", document ? json::to_pretty_text(*document) : answer.body);
    return answer.is_success() ? exit_ok : exit_failed;
}

int send_to_receiver(Console& console, const TriggerOptions& options, EventType type) {
    auto request = signed_request(options, type);
    if (!request) return console.failed(request.error());
    console.line("Sending a signed {} to {}", to_text(type), options.url);
    const auto answer = HttpCaller{}.call(*std::move(request));
    if (!answer) return console.failed(answer.error());
    return show(console, *answer);
}

/// The answer of POST /v1/destinations/…/test: what became of the event decides.
int show_test(Console& console, const CallAnswer& answer) {
    const int shown = show(console, answer);
    const auto document = answer.document();
    const json::Value* error = document ? document->find("error") : nullptr;
    return error != nullptr && !error->is_null() ? exit_failed : shown;
}

}  // namespace

int trigger(Console& console, const TriggerOptions& options) {
    const auto type = parse_event_type(options.type);
    if (!type)
        return console.misused(
            fmt::format("'{}' is no event type. There are: {}", options.type, all_types()));
    if (!options.secret.empty() && !options.destination.empty())
        return console.misused(
            "--secret sends straight to a receiver, --destination goes through a server: give one "
            "of them");
    if (!options.secret.empty()) return send_to_receiver(console, options, *type);
    if (options.key.empty())
        return console.misused(
            "an API key is needed: --key blt_…, or the environment variable BLOTTER_API_KEY. To "
            "send straight to a receiver instead, give its address with --url and --secret");
    CallRequest request;
    if (options.destination.empty()) {
        request = api_request(options, "/v1/events",
                              json::Object{{"type", to_text(*type)}, {"data", test_data(*type)}});
    } else {
        if (auto id = DestinationId::parse(options.destination); !id)
            return console.misused("--destination: " + id.error().detail);
        request = api_request(options, "/v1/destinations/" + options.destination + "/test",
                              json::Object{{"event_type", to_text(*type)}});
    }
    const auto answer = HttpCaller{}.call(std::move(request));
    if (!answer) return console.failed(answer.error());
    if (!answer->is_success()) {
        console.remark("blotter: the server refused: {}", answer->words());
        return exit_failed;
    }
    return options.destination.empty() ? show(console, *answer) : show_test(console, *answer);
}

}  // namespace blotter::cli
