#include "api/gateway.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/request_log.hpp"
#include "http/problem.hpp"
#include "security/api_key.hpp"

namespace blotter::api {
namespace {

constexpr std::string_view json_fields = "content-type: application/json\r\n";
constexpr std::size_t path_kept_bytes_max = 512;

/// Whether a request brings more to keep: an event, a file, a step of an envelope. What an
/// operator does to mend things is not that.
bool takes_in(const Route& route) {
    using security::Permission;
    if (route.method == http::Method::get || !route.permission) return false;
    return *route.permission == Permission::events_write ||
           *route.permission == Permission::envelopes_write ||
           *route.permission == Permission::quarantine_release;
}

bool is_json(std::string_view content_type) {
    const std::string_view type = content_type.substr(0, content_type.find(';'));
    const auto end = type.find_last_not_of(' ');
    return http::equal_ignoring_case(type.substr(0, end + 1), "application/json");
}

}  // namespace

Result<std::unique_ptr<RouteTable>> RouteTable::make(std::vector<RouteGroup> groups) {
    auto out = std::make_unique<RouteTable>();
    out->groups_ = std::move(groups);
    for (const RouteGroup& group : out->groups_) {
        for (const Route& route : group.routes) {
            const auto id = static_cast<http::RouteId>(out->routes_.size());
            CHECK(out->router_.add(route.method, route.path, id));
            if (route.handler == nullptr || (route.access != Access::open && !route.permission))
                return fail(Errc::internal,
                            fmt::format("the route {} is not complete", route.path));
            out->routes_.push_back(&route);
        }
    }
    return out;
}

void ApiProbe::show_on(observe::MetricsPage& page) const {
    constexpr observe::Family requests{"blotter_api_requests_total",
                                       "Requests answered, by operation and status"};
    constexpr observe::Family time{"blotter_api_request_seconds",
                                   "Time from the head of a request to its answer"};
    for (std::size_t i = 0; i < routes_.size(); ++i) {
        const bool known = i < table_.size();
        const observe::FixedText name{known ? table_.route(static_cast<http::RouteId>(i)).operation
                                            : "none"};
        for (const StatusClass status :
             {StatusClass::good, StatusClass::refused, StatusClass::failed})
            page.add(requests, {{"route", name}, {"status", status}}, routes_[i].requests[status]);
        page.add(time, {{"route", name}}, routes_[i].time);
    }
    page.add({"blotter_egress_denied_total", "Addresses that may not be contacted, refused"},
             {{"where", "api"}}, egress_denied);
}

std::string_view to_text(StatusClass status) {
    switch (status) {
        case StatusClass::good:
            return "2xx";
        case StatusClass::refused:
            return "4xx";
        case StatusClass::failed:
            return "5xx";
    }
    return "5xx";
}

Gateway::Gateway(Services& services, const RouteTable& table, ApiProbe& probe)
    : services_(services), table_(table), probe_(probe) {}

http::BodyRule Gateway::body_rule(const http::Request& request) {
    http::BodyRule rule;
    rule.bytes_max = services_.settings.request.body_bytes_max;
    rule.time_max = services_.settings.request.timeout;
    const auto found = table_.router().find(request.method, request.path());
    const auto* match = std::get_if<http::Router::Match>(&found);
    if (match == nullptr) return rule;
    const Route& route = table_.route(match->route);
    if (route.bytes_max != 0) rule.bytes_max = route.bytes_max;
    if (route.takes == Takes::bytes) {
        rule.how = http::BodyRule::How::stream;
        rule.bytes_max = services_.settings.files.file_bytes_max;
        rule.time_max = http::BodyRule{}.time_max;
    }
    return rule;
}

runtime::Task<http::Response> Gateway::handle(http::Request& request,
                                              http::RequestContext& context) {
    const MonoTime started = services_.loop.now();
    const RequestId id = services_.entropy.id<RequestId>(services_.loop.clock().wall());
    auto found = table_.router().find(request.method, request.path());
    http::Response response;
    Asker asker;
    if (const auto* missing = std::get_if<http::Router::NoSuchPath>(&found)) {
        response = http::make_response_for(*missing);
    } else if (const auto* other = std::get_if<http::Router::NoSuchMethod>(&found)) {
        response = http::make_response_for(*other);
    } else if (const auto* bad = std::get_if<http::Router::BadPath>(&found)) {
        response = http::make_response_for(*bad);
    } else {
        auto& match = std::get<http::Router::Match>(found);
        auto reply = co_await serve(match, request, context, id, asker);
        const auto wants = table_.route(match.route).permission;
        if (!reply && wants == security::Permission::events_write)
            services_.writer_side.events.refused[reply.error().code].add();
        response = finish(std::move(reply), id);
    }
    const std::string id_text = id.text();
    response.headers.set("request-id", id_text);
    const std::chrono::nanoseconds took = services_.loop.now() - started;
    const auto* match = std::get_if<http::Router::Match>(&found);
    count(match == nullptr ? std::nullopt : std::optional{match->route}, response.status, took);
    note(request, response, id, took);
    // Of callers with a key only: addresses without one can hold a secret, as links do.
    if (asker.key_no != 0 && services_.request_log != nullptr)
        services_.request_log->note(
            asker.workspace_no == 0 ? std::nullopt : std::optional{asker.workspace_no},
            {.at = services_.loop.clock().wall(),
             .key_no = asker.key_no,
             .method = http::to_text(request.method),
             .path = request.path().substr(0, path_kept_bytes_max),
             .status = response.status,
             .took = std::chrono::duration_cast<std::chrono::microseconds>(took),
             .remote = context.remote,
             .request_id = id_text});
    co_return response;
}

runtime::Task<Result<Reply>> Gateway::serve(http::Router::Match& match, http::Request& request,
                                            http::RequestContext& context, const RequestId& id,
                                            Asker& asker) {
    const Route& route = table_.route(match.route);
    Call call{.request = request,
              .http = context,
              .path = std::move(match.parameters),
              .query = {},
              .id = id,
              .now = services_.loop.clock().wall(),
              .remote = std::string{context.remote},
              .principal = {},
              .workspace = {},
              .body = {},
              .directory = services_.directory};
    if (route.access != Access::open) {
        auto admitted = admit(route, call);
        asker = {call.principal.key_no, call.workspace_no != 0
                                            ? call.workspace_no
                                            : call.principal.key_workspace_no.value_or(0)};
        CO_CHECK(std::move(admitted));
    }
    if (takes_in(route)) CO_CHECK(services_.space.check());
    CO_CHECK(read_input(route, call));
    auto reply = co_await route.handler(services_, call);
    if (!reply && reply.error().code == Errc::address_denied) {
        probe_.egress_denied.add();
        if (call.workspace_no != 0) co_await note_denied(call, reply.error().detail);
    }
    co_return reply;
}

/// Somebody tried to point us at an address that is not theirs: an auditor wants to see that.
OWN_FRAME runtime::Task<> Gateway::note_denied(const Call& call, std::string what) {
    const auto noted = co_await store::write(
        services_.loop, services_.writer,
        [&side = services_.writer_side, no = call.workspace_no, key = call.principal.key.text(),
         what = std::move(what)](store::Tx& tx) -> Result<int> {
            CHECK(side.intake.note(tx, no, ledger::LeafKind::security_denied,
                                   {{"key", key}, {"what", what}}));
            return 0;
        });
    if (!noted) services_.log.warning("api.note_failed", {{"error", noted.error()}});
}

Result<> Gateway::admit(const Route& route, Call& call) {
    auto known = authenticate(route, call);
    if (!known && known.error().code == Errc::unauthenticated &&
        !services_.limits.keys.take(call.remote, services_.loop.now()))
        return fail(Errc::too_many_requests,
                    "too many requests without a known API key came from this address; wait a "
                    "minute");
    CHECK(std::move(known));
    CHECK(check_rate(call));
    return find_workspace(route, call);
}

Result<> Gateway::authenticate(const Route& route, Call& call) {
    const std::string_view field = call.request.headers.get("authorization");
    constexpr std::string_view scheme = "bearer ";
    if (field.size() <= scheme.size() ||
        !http::equal_ignoring_case(field.substr(0, scheme.size()), scheme))
        return fail(Errc::unauthenticated,
                    "an API key is needed: send it as \"Authorization: Bearer blt_…\"");
    TRY(const auto presented, security::read_api_key(field.substr(scheme.size())));
    const routing::KeyFacts* key = call.directory->key(presented.id);
    // An unknown id takes as long as a wrong secret.
    const bool genuine = security::matches(presented, key != nullptr ? key->hash : Digest{});
    if (key == nullptr || !genuine || key->revoked)
        return fail(Errc::unauthenticated, "this API key is not known, or no longer");
    if (key->expires_at && *key->expires_at <= call.now)
        return fail(Errc::unauthenticated, "this API key has expired");
    call.principal = {key->id, key->no, key->name, security::effective(key->role, key->scopes),
                      key->workspace_no};
    if (!call.may(*route.permission))
        return fail(
            Errc::forbidden,
            fmt::format("this needs the permission {}, which the API key \"{}\" (role {}) does "
                        "not have",
                        security::to_text(*route.permission), key->name,
                        security::to_text(key->role)));
    return {};
}

Result<> Gateway::find_workspace(const Route& route, Call& call) {
    if (route.access == Access::installation) {
        if (call.principal.key_workspace_no)
            return fail(Errc::forbidden,
                        "this needs a key of the installation, not of a workspace");
        return {};
    }
    const routing::WorkspaceFacts* workspace = nullptr;
    if (call.principal.key_workspace_no) {
        workspace = call.directory->workspace(*call.principal.key_workspace_no);
    } else {
        const auto named = call.request.headers.find("blotter-workspace");
        if (!named)
            return fail(
                Errc::invalid_argument,
                "a key of the installation must say which workspace is meant, with the header "
                "\"Blotter-Workspace: ws_…\"");
        TRY(const WorkspaceId id, WorkspaceId::parse(*named));
        workspace = call.directory->workspace(id);
    }
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    call.workspace_no = workspace->no;
    call.workspace = workspace->id;
    return {};
}

Result<> Gateway::check_rate(const Call& call) {
    if (services_.limits.requests.take(call.principal.key, services_.loop.now())) return {};
    return fail(Errc::too_many_requests,
                fmt::format("more than {} requests per second with this API key; wait as long as "
                            "Retry-After says",
                            services_.settings.api.requests_per_second));
}

Result<> Gateway::read_input(const Route& route, Call& call) {
    TRY(call.query, http::Query::parse(call.request.query()));
    for (const http::Query::Pair& pair : call.query.pairs()) {
        const bool known = std::ranges::any_of(
            route.parameters, [&](const Parameter& p) { return p.name == pair.name; });
        if (!known)
            return fail(Errc::invalid_argument,
                        fmt::format("this address takes no parameter '{}'", pair.name),
                        "/query/" + pair.name);
    }
    if (route.takes != Takes::json) return {};
    if (call.request.body.empty()) {
        call.body = json::Object{};
        return {};
    }
    if (!is_json(call.request.headers.get("content-type")))
        return fail(Errc::unsupported_media_type,
                    "the body must be JSON, announced by \"Content-Type: application/json\"");
    json::ParseLimits limits;
    limits.bytes_max = route.bytes_max != 0 ? route.bytes_max : call.request.body.size();
    // Large bodies have more values; what they cost in memory stays a small multiple of the body.
    limits.values_max = std::max<std::size_t>(limits.values_max, limits.bytes_max / 32);
    TRY(call.body, json::parse(call.request.body, limits));
    return {};
}

http::Response Gateway::finish(Result<Reply> reply, const RequestId& id) {
    if (!reply) {
        const std::string request_id = id.text();
        http::ProblemContext context{.request_id = request_id};
        const int status = http_status_of(reply.error().code);
        if (status == 429 || status == 503 || status == 507)
            context.retry_after = Duration{status == 429 ? 1'000 : 5'000};
        if (status >= 500)
            services_.log.error("api.failed", {{"request", id}, {"error", reply.error()}});
        return http::make_problem(reply.error(), context);
    }
    if (reply->response) return std::move(*reply->response);
    http::Response response;
    response.status = reply->status;
    response.body = std::move(reply->text);
    if (!reply->body.is_null()) response.body = json::to_text(reply->body);
    if (!response.body.empty()) response.fixed_fields = json_fields;
    return response;
}

void Gateway::count(std::optional<http::RouteId> route, int status, std::chrono::nanoseconds took) {
    ApiProbe::OfRoute& probe = probe_.of(route);
    probe.time.observe(took);
    const StatusClass kind = status < 400   ? StatusClass::good
                             : status < 500 ? StatusClass::refused
                                            : StatusClass::failed;
    probe.requests[kind].add();
}

void Gateway::note(const http::Request& request, const http::Response& response,
                   const RequestId& id, std::chrono::nanoseconds took) {
    if (!services_.log.writes(observe::Level::debug)) return;
    services_.log.debug("api.answered", {{"request", id},
                                         {"method", http::to_text(request.method)},
                                         {"path", request.path()},
                                         {"status", response.status},
                                         {"took_ms", took}});
}

}  // namespace blotter::api
