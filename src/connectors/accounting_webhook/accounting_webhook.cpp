#include "connectors/accounting_webhook/accounting_webhook.hpp"

#include <algorithm>

#include "connectors/http_attempt.hpp"

namespace blotter::connectors {

Result<http::Exchange> AccountingWebhook::make_exchange(const PostingRequest& request,
                                                        Attempt& attempt) const {
    TRY(const security::Url url, parts_.guard.check_url(request.url));
    http::OriginOptions origin;
    origin.scheme =
        url.scheme == security::UrlScheme::https ? http::Scheme::https : http::Scheme::http;
    origin.host = url.host;
    origin.port = url.port;
    origin.tls_min = runtime::TlsVersion::tls_1_2;
    origin.session_key = request.session_key;
    http::Exchange out;
    TRY(out.origin, http::Origin::make(std::move(origin)));
    TRY(std::string head, out.origin->make_head(http::Method::post, url.target));
    http::append_field(head, "content-type", "application/json");
    http::append_field(head, "accept", "application/json");
    http::append_field(head, "user-agent", options_.user_agent);
    http::append_field(head, "idempotency-key", request.request_id);
    std::string shown = head;
    if (request.api_key) {
        http::append_field(head, "authorization",
                           "Bearer " + std::string{request.api_key->expose_text()});
        http::append_field(shown, "authorization", "Bearer (set)");
    }
    attempt.request = RequestForm::plain(shown);
    out.request = {http::Method::post,
                   std::make_shared<const std::string>(std::move(head)),
                   {},
                   std::make_shared<const std::string>(json::to_text(request.payload))};
    out.check = make_check(parts_.guard);
    out.limits.total = request.time_max;
    out.limits.first_byte = request.time_max;
    out.limits.connect = std::min(options_.connect_time, request.time_max);
    out.limits.resolve = std::min(options_.resolve_time, request.time_max);
    out.limits.body_bytes_max = options_.answer_bytes_max;
    out.limits.body_bytes_kept = options_.answer_bytes_max;
    return out;
}

runtime::Task<PostingReport> AccountingWebhook::post(PostingRequest request) {
    PostingReport out;
    AttemptReport& report = out.attempt;
    report.attempt.n = request.n;
    report.attempt.started_at = request.started_at;
    const auto refuse = [&](const Error& error) {
        report.failure = error.code;
        report.words = error.detail;
    };
    auto exchange = make_exchange(request, report.attempt);
    if (!exchange) {
        refuse(exchange.error());
        co_return out;
    }
    const auto outcome = co_await parts_.client.exchange(*std::move(exchange));
    if (outcome) {
        read_answer(*outcome, {options_.answer_kept_max}, report);
        if (request.api_key) conceal(request.api_key->expose_text(), report.attempt);
        out.reached = PostingReport::Reached::maybe;
        co_return out;
    }
    const http::Failure& failure = outcome.error();
    note_facts(failure.facts, report.attempt);
    report.stage = stage_of(failure.stage);
    refuse(failure.error);
    if (failure.sent == http::Failure::Sent::maybe) out.reached = PostingReport::Reached::maybe;
    co_return out;
}

}  // namespace blotter::connectors
