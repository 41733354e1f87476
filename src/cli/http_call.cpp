#include "cli/http_call.hpp"

#include <optional>

#include <fmt/format.h>

#include "http/client.hpp"
#include "runtime/system_network.hpp"
#include "runtime/system_resolver.hpp"
#include "security/url.hpp"

namespace blotter::cli {

namespace {

constexpr std::size_t shown_bytes_max = 2'000;

Result<http::Exchange> exchange_for(CallRequest request) {
    auto url = security::parse_url(request.url);
    if (!url)
        return fail(url.error().code, fmt::format("'{}': {}", request.url, url.error().detail));
    http::OriginOptions options;
    options.scheme =
        url->scheme == security::UrlScheme::https ? http::Scheme::https : http::Scheme::http;
    options.host = url->host;
    options.port = url->port;
    options.tls_min = runtime::TlsVersion::tls_1_2;
    http::Exchange out;
    TRY(out.origin, http::Origin::make(std::move(options)));
    TRY(std::string head, out.origin->make_head(request.method, url->target));
    out.request.method = request.method;
    out.request.head = std::make_shared<const std::string>(std::move(head));
    for (const auto& [name, value] : request.headers)
        http::append_field(out.request.fields, name, value);
    if (!request.body.empty())
        out.request.body = std::make_shared<const std::string>(std::move(request.body));
    out.check = [](const runtime::IpAddress&, std::uint16_t) { return Result<>{}; };
    out.limits.first_byte = request.timeout;
    out.limits.total = request.timeout;
    out.limits.body_bytes_max = request.answer_bytes_max;
    out.limits.body_bytes_kept = request.answer_bytes_max;
    return out;
}

}  // namespace

struct HttpCaller::Impl {
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::SystemNetwork network{loop};
    std::unique_ptr<runtime::SystemResolver> resolver;
    std::optional<http::Client> client;
    runtime::TaskGroup tasks{loop};

    runtime::Task<> run(http::Exchange what, std::optional<http::Client::Outcome>& outcome) {
        outcome.emplace(co_await client->exchange(std::move(what)));
        loop.stop();
    }
    runtime::Task<> sleep(Duration time) {
        co_await loop.sleep_for(time);
        loop.stop();
    }
    void run_until_stopped() {
        tasks.on_failure = [this](std::exception_ptr) { loop.stop(); };
        loop.context().restart();
        loop.run();
    }
};

HttpCaller::HttpCaller() : impl_(std::make_unique<Impl>()) {}

HttpCaller::~HttpCaller() {
    if (!impl_->client) return;
    impl_->client->drop_idle();
    impl_->loop.poll();
}

Result<CallAnswer> HttpCaller::call(CallRequest request) {
    if (!impl_->client) {
        TRY(impl_->resolver, runtime::SystemResolver::open(impl_->loop));
        impl_->client.emplace(impl_->loop, impl_->network, *impl_->resolver);
    }
    const std::string url = request.url;
    TRY(http::Exchange what, exchange_for(std::move(request)));
    std::optional<http::Client::Outcome> outcome;
    impl_->tasks.spawn(impl_->run(std::move(what), outcome));
    impl_->run_until_stopped();
    if (!outcome) return fail(Errc::internal, fmt::format("the call of {} broke off", url));
    if (!*outcome)
        return fail(outcome->error().error.code,
                    fmt::format("no answer from {}: {}", url, outcome->error().error.detail));
    http::Answer& answer = **outcome;
    if (answer.body_end != http::BodyEnd::complete)
        return fail(Errc::protocol_error, fmt::format("the answer of {} did not come whole: {}",
                                                      url, http::to_text(answer.body_end)));
    return CallAnswer{answer.status, std::move(answer.headers), std::move(answer.body),
                      std::chrono::duration_cast<Duration>(answer.facts.timings.total)};
}

void HttpCaller::pause(Duration time) {
    impl_->tasks.spawn(impl_->sleep(time));
    impl_->run_until_stopped();
}

Result<json::Value> CallAnswer::document() const {
    json::ParseLimits limits;
    limits.bytes_max = body.size();
    return json::parse(body, limits);
}

std::string CallAnswer::words() const {
    const auto value = document();
    const json::Value* detail = value ? value->find("detail") : nullptr;
    std::string out = fmt::format("{} {}", status, http::reason_of(status));
    if (detail != nullptr && detail->as_string() != nullptr) {
        out += ": " + *detail->as_string();
        if (const json::Value* pointer = value->at_pointer("/errors/0/pointer"))
            if (pointer->as_string() != nullptr) out += " (at " + *pointer->as_string() + ")";
        return out;
    }
    return body.empty() ? out : out + ": " + body.substr(0, shown_bytes_max);
}

}  // namespace blotter::cli
