#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/services.hpp"
#include "base/json.hpp"
#include "http/message.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "security/roles.hpp"

namespace blotter::api {

/// Who asks. Made from the bearer key.
struct Principal {
    ApiKeyId key;
    std::int64_t key_no = 0;
    std::string name;
    security::PermissionSet permissions;
    std::optional<std::int64_t> key_workspace_no;  ///< empty: a key of the whole installation
};

/// One request, checked as far as its route says: permission, workspace, query, JSON body.
struct Call {
    http::Request& request;
    http::RequestContext& http;
    http::PathParameters path;
    http::Query query;
    RequestId id;
    Timestamp now;
    std::string remote;  ///< IP address of the caller
    Principal principal;
    std::int64_t workspace_no = 0;  ///< 0 for routes of the installation and public ones
    WorkspaceId workspace;
    json::Value body;  ///< null unless the route takes JSON
    routing::DirectoryPtr directory;

    bool may(security::Permission permission) const {
        return principal.permissions.has(permission);
    }
};

/// A response that is somewhere else, or none: a reply is handed on several times, and nearly none
/// has one.
class WholeResponse {
  public:
    WholeResponse() = default;
    WholeResponse(http::Response response)
        : response_(std::make_unique<http::Response>(std::move(response))) {}
    explicit operator bool() const { return response_ != nullptr; }
    http::Response& operator*() { return *response_; }

  private:
    std::unique_ptr<http::Response> response_;
};

/// What a handler answers: a JSON document, or a whole response of another kind.
struct Reply {
    int status = 200;
    json::Value body;  ///< null: no body
    WholeResponse response;
    std::string text{};  ///< the document as text, instead of `body`: for the frequent answers
};

using Handler = runtime::Task<Result<Reply>> (*)(Services& services, Call& call);

enum class Access : std::uint8_t {
    open,          ///< no key needed
    installation,  ///< a key of the installation
    workspace,     ///< a key of the workspace, or one of the installation that names it in the
                   ///< header Blotter-Workspace
};

enum class Takes : std::uint8_t { nothing, json, bytes };

/// A query parameter, for the check and the description.
struct Parameter {
    std::string_view name;
    std::string_view description;
    std::string_view type = "string";
};

/// One row of the route table, from which the server runs and openapi.json is made. Schemas are
/// JSON Schema text, or the name of a component: "#Envelope".
struct Route {
    http::Method method;
    std::string_view path;
    std::string_view operation;  ///< operationId: "createEnvelope"
    std::string_view tag;
    std::string_view summary;
    Access access = Access::workspace;
    std::optional<security::Permission> permission;
    Takes takes = Takes::nothing;
    std::string_view request;   ///< schema of the body
    int status = 200;           ///< of success
    std::string_view response;  ///< schema of the answer; a media type: that, and no JSON
    std::vector<Parameter> parameters{};
    Handler handler = nullptr;
    std::uint64_t bytes_max = 0;  ///< of the body; 0: the settings'
    int also_status = 0;          ///< another success with the same answer
};

/// A named schema of the description.
struct Component {
    std::string_view name;
    std::string_view schema;
};

/// What one file of routes brings.
struct RouteGroup {
    std::vector<Route> routes;
    std::vector<Component> components;
};

// One function per file in routes/.
RouteGroup workspace_routes();
RouteGroup file_routes();
RouteGroup envelope_routes();
RouteGroup event_routes();
RouteGroup destination_routes();
RouteGroup delivery_routes();
RouteGroup slack_routes();
RouteGroup alert_routes();
RouteGroup ledger_routes();
RouteGroup operation_routes();
RouteGroup document_routes();
RouteGroup accounting_routes();

/// All of them, in the order of the description.
std::vector<RouteGroup> all_route_groups();

/// The OpenAPI 3.1 document of the groups.
json::Value make_openapi(std::span<const RouteGroup> groups, std::string_view version,
                         std::string_view server_url);

}  // namespace blotter::api
