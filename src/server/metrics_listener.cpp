#include "server/metrics_listener.hpp"

#include "base/json.hpp"
#include "http/problem.hpp"

namespace blotter::server {
namespace {

http::Response health_page(const observe::HealthReport& report) {
    return http::make_response(observe::http_status_of(report), "application/json",
                               json::to_text(observe::to_json(report)));
}

}  // namespace

MetricsListener::MetricsListener(Parts parts)
    : network_(std::move(parts.network)),
      local_(parts.acceptor->local()),
      page_(parts.page),
      health_(parts.health),
      server_(parts.loop, std::move(parts.acceptor), *this, {.connections_max = 100}) {}

Result<std::unique_ptr<MetricsListener>> MetricsListener::open(runtime::Loop& loop,
                                                               runtime::Endpoint at,
                                                               const observe::MetricsPage& page,
                                                               const observe::Health& health) {
    auto network = std::make_unique<runtime::SystemNetwork>(loop);
    TRY(auto acceptor, network->listen({.at = at}));
    return std::unique_ptr<MetricsListener>{
        new MetricsListener{{loop, std::move(network), std::move(acceptor), page, health}}};
}

runtime::Task<http::Response> MetricsListener::handle(http::Request& request,
                                                      http::RequestContext&) {
    const std::string_view path = request.path();
    if (request.method != http::Method::get)
        co_return http::make_problem(
            {Errc::method_not_allowed, "only GET is answered here", {}, {}});
    if (path == "/metrics")
        co_return http::make_response(200, observe::MetricsPage::content_type, page_.render());
    if (path == "/healthz") co_return health_page(health_.report(observe::Scope::live));
    if (path == "/readyz") co_return health_page(health_.report(observe::Scope::ready));
    co_return http::make_problem(
        {Errc::not_found, "/metrics, /healthz and /readyz are what is served here", {}, {}});
}

runtime::Task<> MetricsListener::stop(MonoTime deadline) {
    server_.close();
    co_await server_.join(deadline);
}

}  // namespace blotter::server
