#include "api/helpers.hpp"
#include "config/load.hpp"
#include "observe/health.hpp"

namespace blotter::api {
namespace {

runtime::Task<Result<Reply>> openapi(Services& services, Call&) {
    // Rare and large: made when asked for.
    const auto groups = all_route_groups();
    const std::string url = services.settings.listen.public_url.empty()
                                ? "http://" + config::to_text(services.settings.listen.address)
                                : services.settings.listen.public_url;
    co_return Reply{200, make_openapi(groups, services.version, url), {}};
}

runtime::Task<Result<Reply>> metrics(Services& services, Call&) {
    if (services.settings.metrics.address)
        co_return fail(Errc::not_found, "metrics are served on an address of their own");
    co_return Reply{
        200,
        {},
        http::make_response(200, observe::MetricsPage::content_type, services.metrics.render())};
}

Reply health_reply(const observe::HealthReport& report) {
    return {observe::http_status_of(report), observe::to_json(report), {}};
}

runtime::Task<Result<Reply>> healthz(Services& services, Call&) {
    co_return health_reply(services.health.report(observe::Scope::live));
}

runtime::Task<Result<Reply>> readyz(Services& services, Call&) {
    co_return health_reply(services.health.report(observe::Scope::ready));
}

}  // namespace

RouteGroup operation_routes() {
    RouteGroup group;
    group.components = {
        {"Health",
         R"({"type":"object","properties":{"status":{"type":"string"},"checks":{"type":"object",)"
         R"("additionalProperties":{"type":"object"}}}})"}};
    const auto route = [](std::string_view path, std::string_view operation,
                          std::string_view summary, std::string_view response, Handler handler) {
        return Route{.method = http::Method::get,
                     .path = path,
                     .operation = operation,
                     .tag = "operations",
                     .summary = summary,
                     .access = Access::open,
                     .response = response,
                     .handler = handler};
    };
    group.routes = {
        route("/healthz", "getHealth", "Whether the process is alive", "#Health", healthz),
        route("/readyz", "getReadiness", "Whether it takes requests", "#Health", readyz),
        route("/metrics", "getMetrics", "Figures in the Prometheus text format", "text/plain",
              metrics),
        route("/openapi.json", "getOpenApi", "This description", R"({"type":"object"})", openapi),
    };
    return group;
}

}  // namespace blotter::api
