#include "connectors/webhook/webhook.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "connectors/http_attempt.hpp"
#include "security/certificates.hpp"
#include "security/compat_signature.hpp"
#include "security/header_rules.hpp"
#include "security/standard_webhooks.hpp"

namespace blotter::connectors {
namespace {

constexpr int loads_max = 4;

std::vector<security::HeaderView> views_of(const WebhookSettings& settings) {
    std::vector<security::HeaderView> out;
    out.reserve(settings.headers.size());
    for (const auto& [name, value] : settings.headers) out.push_back({name, value});
    return out;
}

Error below(Error error, const char* member) {
    error.pointer = std::string{"/config/"} + member;
    return error;
}

}  // namespace

struct WebhookConnector::Prepared {
    std::shared_ptr<const http::Origin> origin;
    std::shared_ptr<const std::string> head;
    std::string shown_head;                   ///< the same without secrets
    std::shared_ptr<const RequestForm> form;  ///< of the last request; null before the first
    std::vector<security::Secret> secrets;    ///< those in it, for answers that repeat them
    std::optional<security::WebhookSigner> signer;
    std::optional<security::CompatSigner> compat;
    std::optional<Timestamp> valid_until;
    std::int64_t version = 0;  ///< of the destination that it was made from
    http::AddressCheck check;
};

WebhookConnector::WebhookConnector(Parts parts, Options options)
    : parts_(parts), options_(std::move(options)) {}
WebhookConnector::~WebhookConnector() = default;

void WebhookConnector::forget(std::int64_t destination_no) {
    ++forgotten_;
    const auto found = prepared_.find(destination_no);
    if (found == prepared_.end()) return;
    parts_.client.drop_idle(*found->second->origin);
    prepared_.erase(found);
}

WebhookConnector::PreparedPtr WebhookConnector::find_prepared(const Destination& of) const {
    const auto found = prepared_.find(of.no);
    if (found == prepared_.end() || found->second->version != of.version) return nullptr;
    const auto until = found->second->valid_until;
    return !until || *until > parts_.loop.clock().wall() ? found->second : nullptr;
}

/// A `forget` may come while secrets are being read: then they may be those from before a rotation,
/// and are read again. What was made for another version of the destination is never used, nor is
/// a newer one replaced by an older one.
OWN_FRAME runtime::Task<Result<WebhookConnector::PreparedPtr>> WebhookConnector::prepare(
    routing::TargetPtr target) {
    const std::int64_t no = target->destination.no;
    const std::int64_t version = target->destination.version;
    for (int tries = 1;; ++tries) {
        const std::uint64_t before = forgotten_;
        CO_TRY(DestinationSecrets secrets,
               co_await parts_.secrets.load(no, target->destination.workspace_no));
        // Others are forgotten as well, so a busy administrator is not waited for.
        if (forgotten_ != before && tries < loads_max) continue;
        auto made = make(target->destination, std::move(secrets));
        if (!made || forgotten_ != before) co_return made;
        const auto found = prepared_.find(no);
        if (found == prepared_.end() || found->second->version <= version)
            prepared_.insert_or_assign(no, *made);
        co_return made;
    }
}

Result<WebhookConnector::PreparedPtr> WebhookConnector::make(const Destination& destination,
                                                             DestinationSecrets secrets) {
    const WebhookSettings& settings = destination.webhook;
    TRY(const security::Url url, parts_.guard.check_url(settings.url));
    auto out = std::make_shared<Prepared>();
    http::OriginOptions origin;
    origin.scheme =
        url.scheme == security::UrlScheme::https ? http::Scheme::https : http::Scheme::http;
    origin.host = url.host;
    origin.port = url.port;
    origin.tls_min =
        settings.tls_min == 12 ? runtime::TlsVersion::tls_1_2 : runtime::TlsVersion::tls_1_3;
    origin.ca_pem = settings.ca_pem;
    // Connections are never shared between destinations: one tenant's cannot carry another's.
    origin.session_key = destination.id.text();
    TRY(out->origin, http::Origin::make(std::move(origin)));
    TRY(std::string head, out->origin->make_head(http::Method::post, url.target));
    http::append_field(head, "content-type", "application/json");
    http::append_field(head, "user-agent", options_.user_agent);
    for (const auto& [name, value] : settings.headers) http::append_field(head, name, value);
    std::string& shown = out->shown_head;
    shown = head.substr(0, head.find("\r\n") + 2);
    http::append_field(shown, "host", security::host_header(url));
    http::append_field(shown, "content-type", "application/json");
    http::append_field(shown, "user-agent", options_.user_agent);
    for (const auto& [name, value] : settings.headers)
        http::append_field(shown, name, security::is_sensitive_header(name) ? "(set)" : value);
    if (secrets.bearer) {
        http::append_field(head, "authorization",
                           "Bearer " + std::string{secrets.bearer->expose_text()});
        http::append_field(shown, "authorization", "Bearer (set)");
        out->secrets.push_back(security::Secret::copy_of(secrets.bearer->expose_text()));
    }
    for (const auto& [name, value] : settings.headers)
        if (security::is_sensitive_header(name))
            // Without the scheme before it, such as "Basic".
            out->secrets.push_back(
                security::Secret::copy_of(std::string_view{value}.substr(value.rfind(' ') + 1)));
    out->head = std::make_shared<const std::string>(std::move(head));
    TRY(out->signer, security::WebhookSigner::create(secrets.signing));
    if (settings.compatibility != CompatibilityScheme::none) {
        const auto form = settings.compatibility == CompatibilityScheme::hex_body
                              ? security::CompatForm::hex_of_body
                              : security::CompatForm::time_and_hex;
        TRY(out->compat, security::CompatSigner::create(form, secrets.signing));
    }
    out->valid_until = secrets.valid_until;
    out->version = destination.version;
    out->check = make_check(parts_.guard);
    return out;
}

std::shared_ptr<const std::string> WebhookConnector::body_of(const AttemptRequest& request) const {
    const Destination& destination = request.target->destination;
    if (auto ready =
            ready_body(*request.event, destination.webhook.format, destination.webhook.aliases))
        return ready;
    const Links links{.url =
                          [&](const FileId& file) {
                              return parts_.links.url({request.event->seq, destination.no, file});
                          },
                      .expires_at = request.event->accepted_at + options_.links_lifetime};
    return std::make_shared<const std::string>(render_body(
        *request.event, destination.webhook.format, destination.webhook.aliases, links));
}

Result<std::string> WebhookConnector::sign(Prepared& prepared, const AttemptRequest& request,
                                           std::string_view body) {
    const auto id = request.event->id.short_text();
    const std::chrono::sys_seconds at = security::webhook_second(request.started_at);
    std::string fields;
    fields.reserve(256);
    http::append_field(fields, "webhook-id", id);
    http::append_field(fields, "webhook-timestamp", std::to_string(at.time_since_epoch().count()));
    fields += "webhook-signature: ";
    CHECK(prepared.signer->append_signature(fields, {id, at, as_bytes(body)}));
    fields += "\r\n";
    if (prepared.compat) {
        fields += request.target->destination.webhook.compatibility_header;
        fields += ": ";
        prepared.compat->append_signature(fields, at, as_bytes(body));
        fields += "\r\n";
    }
    return fields;
}

void WebhookConnector::note_request(Prepared& prepared, const AttemptRequest& request,
                                    std::string_view lines, Attempt& attempt) {
    const RequestForm::Place place{request.event->id, request.started_at};
    if (!prepared.form || !prepared.form->take(lines, place, attempt.request_own)) {
        auto split = RequestForm::split(prepared.shown_head, lines, place);
        prepared.form = std::move(split.form);
        attempt.request_own = std::move(split.own);
    }
    attempt.request = prepared.form;
}

runtime::Task<ReportPtr> WebhookConnector::attempt(AttemptRequest request) {
    auto made_report = std::make_unique<AttemptReport>();
    AttemptReport& report = *made_report;
    report.attempt.n = request.n;
    report.attempt.started_at = request.started_at;
    const auto refuse = [&](const Error& error) {
        report.failure = error.code;
        report.words = error.detail;
        report.attempt.error = error.detail;
    };
    PreparedPtr prepared = find_prepared(request.target->destination);
    if (!prepared) {
        auto made = co_await prepare(request.target);
        if (!made) {
            refuse(made.error());
            co_return made_report;
        }
        prepared = *std::move(made);
    }
    const std::shared_ptr<const std::string> body = body_of(request);
    auto fields = sign(*prepared, request, *body);
    if (!fields) {
        refuse(fields.error());
        co_return made_report;
    }
    note_request(*prepared, request, *fields, report.attempt);
    const Duration total = request.target->limits.timeout;
    http::Exchange exchange;
    exchange.origin = prepared->origin;
    exchange.request = {http::Method::post, prepared->head, *std::move(fields), body};
    exchange.check = prepared->check;
    exchange.limits.total = total;
    exchange.limits.first_byte = total;
    exchange.limits.connect = std::min(options_.connect_time, total);
    exchange.limits.resolve = std::min(options_.resolve_time, total);
    exchange.limits.body_bytes_max = options_.answer_bytes_max;
    exchange.limits.body_bytes_kept = options_.answer_bytes_max;
    const auto outcome = co_await parts_.client.exchange(std::move(exchange));
    if (outcome) {
        read_answer(*outcome, {options_.answer_kept_max}, report);
        for (const security::Secret& secret : prepared->secrets)
            conceal(secret.expose_text(), report.attempt);
    } else {
        note_facts(outcome.error().facts, report.attempt);
        report.stage = stage_of(outcome.error().stage);
        refuse(outcome.error().error);
    }
    co_return made_report;
}

Result<> check_webhook(const WebhookSettings& settings, const security::EgressGuard& guard,
                       bool has_bearer) {
    if (auto url = guard.check_url(settings.url); !url)
        return pass(below(std::move(url).error(), "url"));
    const security::HeaderRules rules{
        .signature_header = settings.compatibility_header,
        .authorization = has_bearer ? security::HeaderRules::Authorization::taken
                                    : security::HeaderRules::Authorization::open};
    if (auto done = security::check_custom_headers(views_of(settings), rules); !done)
        return pass(below(std::move(done).error(), "headers"));
    if (settings.compatibility != CompatibilityScheme::none)
        if (auto done = security::check_signature_header_name(settings.compatibility_header); !done)
            return pass(below(std::move(done).error(), "compatibility_header"));
    if (!settings.ca_pem.empty())
        if (auto done = security::check_authorities(settings.ca_pem); !done)
            return pass(below(std::move(done).error(), "ca_pem"));
    return {};
}

}  // namespace blotter::connectors
