#include <map>

#include <fmt/format.h>

#include "api/route.hpp"
#include "base/invariant.hpp"

namespace blotter::api {
namespace {

json::Value parsed(std::string_view text) {
    auto value = json::parse(text, {.depth_max = 64});
    INVARIANT(value.has_value());
    return *std::move(value);
}

/// "#Envelope" names a component; anything else is a schema.
json::Value schema_of(std::string_view text) {
    if (text.starts_with('#'))
        return json::Object{{"$ref", "#/components/schemas/" + std::string{text.substr(1)}}};
    return parsed(text);
}

json::Value content_of(std::string_view type, json::Value schema) {
    return json::Object{{std::string{type}, json::Object{{"schema", std::move(schema)}}}};
}

/// The names in braces of a path, in order.
std::vector<std::string> path_parameters(std::string_view path) {
    std::vector<std::string> out;
    std::size_t at = 0;
    while ((at = path.find('{', at)) != std::string_view::npos) {
        const std::size_t end = path.find('}', at);
        std::string name{path.substr(at + 1, end - at - 1)};
        if (name.ends_with("...")) name.resize(name.size() - 3);
        out.push_back(std::move(name));
        at = end;
    }
    return out;
}

json::Value parameters_of(const Route& route) {
    json::Array out;
    for (std::string& name : path_parameters(route.path))
        out.push_back(json::Object{{"name", std::move(name)},
                                   {"in", "path"},
                                   {"required", true},
                                   {"schema", json::Object{{"type", "string"}}}});
    for (const Parameter& p : route.parameters)
        out.push_back(json::Object{{"name", p.name},
                                   {"in", "query"},
                                   {"description", p.description},
                                   {"schema", json::Object{{"type", p.type}}}});
    if (route.method == http::Method::post && route.takes == Takes::json)
        out.push_back(json::Object{{"$ref", "#/components/parameters/IdempotencyKey"}});
    if (route.access == Access::workspace)
        out.push_back(json::Object{{"$ref", "#/components/parameters/Workspace"}});
    return out;
}

json::Value responses_of(const Route& route) {
    json::Object success{{"description", "Success"}};
    const bool is_type = route.response.contains('/') && route.response.find_first_of("{#") != 0;
    if (is_type)
        success.append("content", content_of(route.response, json::Object{{"type", "string"}}));
    else if (!route.response.empty())
        success.append("content", content_of("application/json", schema_of(route.response)));
    json::Object out;
    if (route.also_status != 0) out.append(std::to_string(route.also_status), success);
    out.append(std::to_string(route.status), std::move(success));
    out.append("default", json::Object{{"$ref", "#/components/responses/Problem"}});
    return out;
}

json::Value operation_of(const Route& route) {
    json::Object out;
    out.append("operationId", route.operation);
    out.append("summary", route.summary);
    out.append("description", route.permission
                                  ? fmt::format("{}. Needs the permission `{}`.", route.summary,
                                                security::to_text(*route.permission))
                                  : fmt::format("{}. Needs no key.", route.summary));
    out.append("tags", json::Array{route.tag});
    if (route.permission) out.append("x-permission", security::to_text(*route.permission));
    if (route.access == Access::open) out.append("security", json::Array{});
    json::Value parameters = parameters_of(route);
    if (!parameters.as_array()->empty()) out.append("parameters", std::move(parameters));
    if (route.takes == Takes::json)
        out.append(
            "requestBody",
            json::Object{{"required", !route.request.empty()},
                         {"content", content_of("application/json",
                                                route.request.empty()
                                                    ? json::Value{json::Object{{"type", "object"}}}
                                                    : schema_of(route.request))}});
    if (route.takes == Takes::bytes)
        out.append(
            "requestBody",
            json::Object{{"required", true},
                         {"content", content_of("application/octet-stream", json::Object{})}});
    out.append("responses", responses_of(route));
    return out;
}

constexpr std::string_view fixed_components = R"json({
  "securitySchemes": {"key": {"type": "http", "scheme": "bearer",
    "description": "An API key: blt_…"}},
  "parameters": {
    "IdempotencyKey": {"name": "Idempotency-Key", "in": "header",
      "description": "The same request again under the same key gets the same answer.",
      "schema": {"type": "string", "maxLength": 255}},
    "Workspace": {"name": "Blotter-Workspace", "in": "header",
      "description": "Which workspace is meant; only with a key of the installation.",
      "schema": {"type": "string"}}},
  "responses": {"Problem": {"description": "A problem (RFC 9457)", "content":
    {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}}
})json";

constexpr std::string_view problem_schema = R"({
  "type": "object", "required": ["type", "title", "status"],
  "properties": {"type": {"type": "string"}, "title": {"type": "string"},
    "status": {"type": "integer"}, "code": {"type": "string"}, "detail": {"type": "string"},
    "request_id": {"type": "string"},
    "errors": {"type": "array", "items": {"type": "object", "properties":
      {"pointer": {"type": "string"}, "detail": {"type": "string"}}}}}
})";

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

/// "{rest...}" is our own notation.
std::string path_of(std::string_view path) {
    std::string out{path};
    if (const auto dots = out.find("...}"); dots != std::string::npos) out.erase(dots, 3);
    return out;
}

}  // namespace

std::vector<RouteGroup> all_route_groups() {
    return {workspace_routes(),   file_routes(),      envelope_routes(), event_routes(),
            destination_routes(), delivery_routes(),  slack_routes(),    alert_routes(),
            ledger_routes(),      operation_routes(), document_routes(), accounting_routes()};
}

json::Value make_openapi(std::span<const RouteGroup> groups, std::string_view version,
                         std::string_view server_url) {
    json::Object paths;
    json::Object schemas;
    json::Array tags;
    schemas.append("Problem", parsed(problem_schema));
    for (const RouteGroup& group : groups) {
        for (const Component& component : group.components)
            schemas.append(std::string{component.name}, parsed(component.schema));
        for (const Route& route : group.routes) {
            const std::string path = path_of(route.path);
            if (paths.find(path) == nullptr) paths.append(path, json::Object{});
            paths.find(path)->as_object()->append(lower(http::to_text(route.method)),
                                                  operation_of(route));
            const bool known = std::ranges::any_of(tags, [&](const json::Value& tag) {
                return *tag.find("name")->as_string() == route.tag;
            });
            if (!known)
                tags.push_back(json::Object{{"name", route.tag},
                                            {"description", fmt::format("About {}.", route.tag)}});
        }
    }
    json::Value components = parsed(fixed_components);
    components.as_object()->append("schemas", std::move(schemas));
    return json::Object{
        {"openapi", "3.1.0"},
        {"info",
         json::Object{
             {"title", "Blotter"},
             {"version", version},
             {"description",
              "Envelopes, events, destinations and deliveries, and the ledger behind them."},
             {"contact", json::Object{{"name", "The maintainers of Blotter"}}},
             {"license", json::Object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
        {"servers", json::Array{json::Object{{"url", server_url}}}},
        {"security", json::Array{json::Object{{"key", json::Array{}}}}},
        {"tags", std::move(tags)},
        {"paths", std::move(paths)},
        {"components", std::move(components)}};
}

}  // namespace blotter::api
