#pragma once

#include <memory>

#include "http/server.hpp"
#include "observe/health.hpp"
#include "observe/metrics.hpp"
#include "runtime/system_network.hpp"

namespace blotter::server {

/// /metrics, /healthz and /readyz on an address of their own, so that they need not be public. On
/// one loop.
class MetricsListener final : public http::Handler {
  public:
    /// Listens at once.
    static Result<std::unique_ptr<MetricsListener>> open(runtime::Loop& loop, runtime::Endpoint at,
                                                         const observe::MetricsPage& page,
                                                         const observe::Health& health);

    http::BodyRule body_rule(const http::Request&) override { return {}; }
    runtime::Task<http::Response> handle(http::Request& request,
                                         http::RequestContext& context) override;

    runtime::Endpoint local() const { return local_; }
    void start() { server_.start(); }
    runtime::Task<> stop(MonoTime deadline);

  private:
    struct Parts {
        runtime::Loop& loop;
        std::unique_ptr<runtime::SystemNetwork> network;
        std::unique_ptr<runtime::Acceptor> acceptor;
        const observe::MetricsPage& page;
        const observe::Health& health;
    };
    explicit MetricsListener(Parts parts);

    std::unique_ptr<runtime::SystemNetwork> network_;
    runtime::Endpoint local_;
    const observe::MetricsPage& page_;
    const observe::Health& health_;
    http::Server server_;
};

}  // namespace blotter::server
