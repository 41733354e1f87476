#pragma once

#include <memory>

#include "api/route.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

namespace blotter::api {

/// The built route table: shared by all loops, read only.
class RouteTable {
  public:
    /// A programming error in the table is an error here, at start.
    static Result<std::unique_ptr<RouteTable>> make(std::vector<RouteGroup> groups);

    const Route& route(http::RouteId id) const { return *routes_[static_cast<std::size_t>(id)]; }
    std::size_t size() const { return routes_.size(); }
    const http::Router& router() const { return router_; }
    const std::vector<RouteGroup>& groups() const { return groups_; }

  private:
    std::vector<RouteGroup> groups_;
    std::vector<const Route*> routes_;
    http::Router router_;
};

enum class StatusClass : std::uint8_t { good, refused, failed };
std::string_view to_text(StatusClass status);

/// What the API counts on one loop; the page adds the loops up.
class ApiProbe {
  public:
    struct OfRoute {
        observe::CountersBy<StatusClass, 3> requests;
        observe::Histogram time;
    };
    explicit ApiProbe(const RouteTable& table) : table_(table), routes_(table.size() + 1) {}

    /// Without a route: of requests for which there is none.
    OfRoute& of(std::optional<http::RouteId> route) {
        return route ? routes_.at(static_cast<std::size_t>(*route)) : routes_.back();
    }
    observe::Counter egress_denied;
    void show_on(observe::MetricsPage& page) const;

  private:
    const RouteTable& table_;
    std::vector<OfRoute> routes_;
};

/// Where every request enters on one loop: finds its route, knows who asks, checks permission,
/// workspace, rate and body, calls the handler, and turns what comes back into an answer. Errors
/// become problem documents; each request has an id and one log line.
class Gateway final : public http::Handler {
  public:
    Gateway(Services& services, const RouteTable& table, ApiProbe& probe);

    http::BodyRule body_rule(const http::Request& request) override;
    runtime::Task<http::Response> handle(http::Request& request,
                                         http::RequestContext& context) override;

  private:
    /// Who asked, as far as that was found out.
    struct Asker {
        std::int64_t key_no = 0;
        std::int64_t workspace_no = 0;
    };
    /// Takes the parameters of the path out of `match`.
    runtime::Task<Result<Reply>> serve(http::Router::Match& match, http::Request& request,
                                       http::RequestContext& context, const RequestId& id,
                                       Asker& asker);
    Result<> admit(const Route& route, Call& call);
    runtime::Task<> note_denied(const Call& call, std::string what);
    Result<> authenticate(const Route& route, Call& call);
    Result<> find_workspace(const Route& route, Call& call);
    Result<> check_rate(const Call& call);
    Result<> read_input(const Route& route, Call& call);
    http::Response finish(Result<Reply> reply, const RequestId& id);
    void note(const http::Request& request, const http::Response& response, const RequestId& id,
              std::chrono::nanoseconds took);
    void count(std::optional<http::RouteId> route, int status, std::chrono::nanoseconds took);

    Services& services_;
    const RouteTable& table_;
    ApiProbe& probe_;
};

}  // namespace blotter::api
