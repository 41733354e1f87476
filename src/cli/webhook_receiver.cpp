#include "cli/webhook_receiver.hpp"

#include <fmt/format.h>

namespace blotter::cli {
namespace {

constexpr std::uint64_t body_bytes_max = 4 << 20;

}  // namespace

Result<std::unique_ptr<WebhookReceiver>> WebhookReceiver::create(Options options,
                                                                 const runtime::Clock& clock,
                                                                 Told told) {
    std::unique_ptr<WebhookReceiver> out{
        new WebhookReceiver{std::move(options), clock, std::move(told)}};
    CHECK(out->set_secrets(out->options_.secrets));
    return out;
}

Result<> WebhookReceiver::set_secrets(const std::vector<std::string>& secrets) {
    if (secrets.empty()) {
        verifier_.reset();
        return {};
    }
    const std::vector<std::string_view> views(secrets.begin(), secrets.end());
    TRY(verifier_, security::WebhookVerifier::create(views));
    return {};
}

http::BodyRule WebhookReceiver::body_rule(const http::Request&) {
    return {http::BodyRule::How::buffer, body_bytes_max};
}

void WebhookReceiver::judge(ReceivedWebhook& webhook) {
    if (!verifier_) return;
    const security::WebhookHeaders headers{webhook.headers.get("webhook-id"),
                                           webhook.headers.get("webhook-timestamp"),
                                           webhook.headers.get("webhook-signature")};
    const auto good = verifier_->verify(headers, as_bytes(webhook.body), webhook.at);
    webhook.verdict = good ? Verdict::verified : Verdict::refused;
    if (!good) webhook.problem = good.error().detail;
}

runtime::Task<http::Response> WebhookReceiver::handle(http::Request& request,
                                                      http::RequestContext&) {
    constexpr std::string_view text = "text/plain; charset=utf-8";
    if (request.method == http::Method::get)
        co_return http::make_response(200, text, "This receiver takes webhooks by POST.\n");
    if (request.method != http::Method::post) {
        http::Response refusal = http::make_response(405, text, "POST only\n");
        refusal.headers.add("allow", "GET, POST");
        co_return refusal;
    }
    ReceivedWebhook webhook;
    webhook.at = clock_.wall();
    webhook.method = request.method;
    webhook.target = request.target;
    webhook.headers = std::move(request.headers);
    webhook.body = std::move(request.body);
    judge(webhook);
    http::Response response;
    if (webhook.verdict == Verdict::refused)
        response = http::make_response(401, text, webhook.problem + "\n");
    else if (count_ < options_.fail_first)
        response.status = options_.fail_status;
    else if (options_.answer.empty())
        response.status = options_.status;
    else
        response = http::make_response(options_.status, "application/json", options_.answer);
    if (webhook.verdict != Verdict::refused) ++count_;
    webhook.answered = response.status;
    if (told_) told_(webhook);
    co_return response;
}

}  // namespace blotter::cli
