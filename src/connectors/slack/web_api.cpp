#include "connectors/slack/web_api.hpp"

#include <charconv>

#include <fmt/format.h>

#include "connectors/slack/text.hpp"

namespace blotter::connectors::slack {
namespace {

constexpr std::size_t answer_bytes_max = 1 << 20;  // far more than a page of 200 channels
constexpr std::string_view form_type = "application/x-www-form-urlencoded";
constexpr std::chrono::seconds pause_usual{30};
constexpr std::chrono::hours pause_longest{1};

Result<security::IpAddress> to_security(const runtime::IpAddress& address) {
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        return security::IpAddress::from_bytes(bytes);
    }
    const auto bytes = address.to_v6().to_bytes();
    return security::IpAddress::from_bytes(bytes);
}

CallAnswer judge_failure(const http::Failure& failure) {
    CallAnswer out;
    out.facts = failure.facts;
    const bool maybe = failure.sent == http::Failure::Sent::maybe;
    out.error = maybe ? "no_answer" : "not_sent";
    out.kind = maybe ? ErrorClass::unclear : ErrorClass::retry;
    out.words = failure.error.detail;
    return out;
}

/// Without an answer of Slack's own, the status is all there is.
void judge_status(CallAnswer& out) {
    out.error = fmt::format("http_{}", out.status);
    out.words = fmt::format("Slack answered {} without saying more", out.status);
    if (out.status == 429)
        out.kind = ErrorClass::throttled;
    else if (out.status == 500 || out.status == 503)
        out.kind = ErrorClass::retry;
    else if (out.status < 300 || out.status == 502 || out.status == 504)
        // A gateway lost the answer, or the answer was cut: what was asked for may be done.
        out.kind = ErrorClass::unclear;
    else
        out.kind = ErrorClass::unknown;
}

}  // namespace

Duration pause_asked(std::string_view field) {
    int seconds = 0;
    const char* const end = field.data() + field.size();
    const auto [at, error] = std::from_chars(field.data(), end, seconds);
    if (error != std::errc{} || at != end || seconds < 0) return pause_usual;
    return std::min<Duration>(std::chrono::seconds{std::max(seconds, 1)}, pause_longest);
}

CallAnswer judge_call(const http::Client::Outcome& outcome) {
    if (!outcome) return judge_failure(outcome.error());
    CallAnswer out;
    out.facts = outcome->facts;
    out.status = outcome->status;
    out.retry_after = std::string{outcome->headers.get("retry-after").substr(0, 64)};
    out.scopes = std::string{outcome->headers.get("x-oauth-scopes").substr(0, 1'000)};
    const bool whole = outcome->body_end == http::BodyEnd::complete;
    auto body = whole ? json::parse(outcome->body, {.bytes_max = answer_bytes_max})
                      : Result<json::Value>{fail(Errc::malformed, "")};
    const json::Value* ok = body ? body->find("ok") : nullptr;
    if (ok == nullptr || ok->as_bool() == nullptr) {
        judge_status(out);
        return out;
    }
    out.ok = *ok->as_bool() && out.status == 200;
    const json::Value* error = body->find("error");
    if (error != nullptr && error->as_string() != nullptr)
        out.error = error->as_string()->substr(0, 100);
    out.body = *std::move(body);
    if (out.ok) return out;
    if (out.error.empty()) {
        judge_status(out);
        return out;
    }
    out.kind = out.status == 429 ? ErrorClass::throttled : class_of(out.error);
    out.words = fmt::format("Slack answered {}", out.error);
    if (const auto advice = advice_for(out.error); !advice.empty())
        out.words += fmt::format(": {}", advice);
    return out;
}

std::string encode_form(const Form& form) {
    std::string out;
    for (const auto& [name, value] : form) {
        if (!out.empty()) out += '&';
        out += percent_encode(name) + '=' + percent_encode(value);
    }
    return out;
}

WebApi::WebApi(Parts parts, Options options) : parts_(parts), options_(std::move(options)) {}

runtime::Task<CallAnswer> WebApi::call(std::string method, Call what) {
    CallAnswer refused{.error = "not_sent", .kind = ErrorClass::retry};
    const auto url = parts_.guard.check_url(options_.base_url + "/api/" + method);
    if (!url) {
        refused.words = url.error().detail;
        co_return refused;
    }
    if (!origin_) {
        http::OriginOptions origin;
        origin.scheme =
            url->scheme == security::UrlScheme::https ? http::Scheme::https : http::Scheme::http;
        origin.host = url->host;
        origin.port = url->port;
        origin.tls_min = runtime::TlsVersion::tls_1_2;
        origin.session_key = "slack";
        auto made = http::Origin::make(std::move(origin));
        if (!made) {
            refused.words = made.error().detail;
            co_return refused;
        }
        origin_ = *std::move(made);
    }
    auto head = origin_->make_head(http::Method::post, url->target);
    if (!head) {
        refused.words = head.error().detail;
        co_return refused;
    }
    http::append_field(*head, "content-type", what.type);
    http::append_field(*head, "user-agent", options_.user_agent);
    if (!what.authorization.empty()) http::append_field(*head, "authorization", what.authorization);
    http::Exchange exchange;
    exchange.origin = origin_;
    exchange.request = {http::Method::post,
                        std::make_shared<const std::string>(*std::move(head)),
                        {},
                        std::make_shared<const std::string>(std::move(what.body))};
    exchange.check = [&guard = parts_.guard](const runtime::IpAddress& address,
                                             std::uint16_t port) -> Result<> {
        TRY(const security::IpAddress ip, to_security(address));
        return guard.check_address({ip, port});
    };
    exchange.limits.total = what.total;
    exchange.limits.first_byte = what.total;
    exchange.limits.body_bytes_max = answer_bytes_max;
    exchange.limits.body_bytes_kept = answer_bytes_max;
    const auto outcome = co_await parts_.client.exchange(std::move(exchange));
    co_return judge_call(outcome);
}

runtime::Task<CallAnswer> WebApi::post_json(std::string method, const security::Secret& token,
                                            json::Value arguments, std::optional<Duration> total) {
    return call(std::move(method),
                {"Bearer " + std::string{token.expose_text()}, "application/json; charset=utf-8",
                 json::to_text(arguments), total.value_or(options_.total)});
}

runtime::Task<CallAnswer> WebApi::post_form(std::string method, const security::Secret& token,
                                            Form arguments) {
    std::string authorization;
    if (!token.empty()) authorization = "Bearer " + std::string{token.expose_text()};
    return call(std::move(method),
                {std::move(authorization), form_type, encode_form(arguments), options_.total});
}

runtime::Task<CallAnswer> WebApi::post_as_app(std::string method, std::string basic,
                                              Form arguments) {
    return call(std::move(method), {"Basic " + to_base64(as_bytes(basic)), form_type,
                                    encode_form(arguments), options_.total});
}

}  // namespace blotter::connectors::slack
