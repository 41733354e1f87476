#include "store/tables/workspaces.hpp"

#include <fmt/format.h>

#include "api/helpers.hpp"
#include "base/json_reader.hpp"
#include "intake/schema_check.hpp"
#include "security/api_key.hpp"
#include "store/tables/access.hpp"

namespace blotter::api {
namespace {

using security::Permission;

json::Value view_of(const routing::WorkspaceFacts& w) {
    return json::Object{{"id", w.id.text()}, {"name", w.name}, {"settings", w.settings}};
}

json::Value view_of(const routing::EntityFacts& e) {
    return json::Object{{"id", e.id.text()}, {"reference", e.reference}, {"name", e.name}};
}

json::Value view_of(const routing::KeyFacts& k) {
    json::Array scopes;
    if (k.scopes != security::PermissionSet::all())
        for (const std::string_view scope : security::scope_texts(k.scopes))
            scopes.emplace_back(scope);
    json::Object out{{"id", k.id.text()},
                     {"name", k.name},
                     {"role", security::to_text(k.role)},
                     {"scopes", std::move(scopes)},
                     {"revoked", k.revoked}};
    if (k.expires_at) out.append("expires_at", to_rfc3339(*k.expires_at));
    return out;
}

runtime::Task<Result<Reply>> create_workspace(Services& services, Call& call) {
    json::ObjectReader in{call.body};
    const std::string name = in.text("name", 200);
    CO_CHECK(in.finish());
    co_return co_await mutate(
        services, call, [name](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            const Timestamp now = side.clock().wall();
            store::WorkspaceRow row;
            row.id = side.entropy().id<WorkspaceId>(now);
            row.name = name;
            row.created_at = now;
            routing::WorkspaceFacts facts;
            facts.id = row.id;
            facts.name = name;
            TRY(facts.no, store::insert_workspace(tx.db(), row));
            CHECK(side.keys().ensure(tx, facts.id, facts.no, now));
            Reply reply{201, view_of(facts), {}};
            side.directory().change(tx, side.directory().get().with(std::move(facts)));
            return reply;
        });
}

runtime::Task<Result<Reply>> list_workspaces(Services&, Call& call) {
    json::Array data;
    for (const auto* workspace : call.directory->workspaces()) data.push_back(view_of(*workspace));
    co_return Reply{200, json::Object{{"data", std::move(data)}}, {}};
}

struct KeyRequest {
    std::string name;
    security::Role role = security::Role::viewer;
    security::PermissionSet scopes = security::PermissionSet::all();
    std::optional<Timestamp> expires_at;
};

Result<KeyRequest> read_key_request(const Call& call) {
    json::ObjectReader in{call.body};
    KeyRequest out;
    out.name = in.text("name", 200);
    const std::string role = in.text("role", 32);
    const auto texts = in.texts("scopes", 64, 64);
    out.expires_at = in.time("expires_at");
    if (out.expires_at && *out.expires_at <= call.now)
        in.refuse("expires_at", "the expiry lies in the past");
    CHECK(in.finish());
    if (auto parsed = security::parse_role(role))
        out.role = *parsed;
    else
        return fail(Errc::invalid_argument, parsed.error().detail, "/role");
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    if (!views.empty()) {
        auto scopes = security::parse_scopes(views);
        if (!scopes) return fail(Errc::invalid_argument, scopes.error().detail, "/scopes");
        out.scopes = *scopes;
    }
    if (!security::may_grant(call.principal.permissions, out.role, out.scopes))
        return fail(Errc::forbidden, "a key cannot give more than it has itself", "/role");
    return out;
}

runtime::Task<Result<Reply>> make_key(Services& services, Call& call, std::int64_t workspace_no) {
    CO_TRY(KeyRequest wanted, read_key_request(call));
    co_return co_await mutate(
        services, call, [wanted, workspace_no](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            const Timestamp now = side.clock().wall();
            auto made = security::create_api_key(side.entropy().id<ApiKeyId>(now), side.random);
            routing::KeyFacts facts;
            facts.id = made.id;
            facts.workspace_no = workspace_no;
            facts.name = wanted.name;
            facts.role = wanted.role;
            facts.scopes = wanted.scopes;
            facts.hash = made.hash;
            facts.expires_at = wanted.expires_at;
            json::Value view = view_of(facts);
            store::ApiKeyRow row;
            row.id = made.id;
            row.workspace_no = workspace_no;
            row.name = wanted.name;
            row.role = static_cast<int>(wanted.role);
            row.scopes = json::to_text(*view.find("scopes"));
            row.hash = Bytes(made.hash.begin(), made.hash.end());
            row.created_at = now;
            row.expires_at = wanted.expires_at;
            TRY(facts.no, store::insert_api_key(tx.db(), row));
            view.as_object()->append("key", std::string{made.text.expose_text()});
            CHECK(side.intake.note(
                tx, workspace_no, ledger::LeafKind::key_created,
                {{"key", facts.id.text()}, {"role", std::string{security::to_text(facts.role)}}}));
            side.directory().change(tx, side.directory().get().with(std::move(facts)));
            return Reply{201, std::move(view), {}};
        });
}

runtime::Task<Result<Reply>> create_key_of_workspace(Services& services, Call& call) {
    CO_TRY(const WorkspaceId id, path_id<WorkspaceId>(call, "workspace_id"));
    const auto* workspace = call.directory->workspace(id);
    if (workspace == nullptr) co_return fail(Errc::not_found, "there is no such workspace");
    co_return co_await make_key(services, call, workspace->no);
}

runtime::Task<Result<Reply>> create_key(Services& services, Call& call) {
    co_return co_await make_key(services, call, call.workspace_no);
}

runtime::Task<Result<Reply>> list_keys(Services&, Call& call) {
    json::Array data;
    for (const auto* key : call.directory->keys(call.workspace_no)) data.push_back(view_of(*key));
    co_return Reply{200, json::Object{{"data", std::move(data)}}, {}};
}

runtime::Task<Result<Reply>> revoke_key(Services& services, Call& call) {
    CO_TRY(const ApiKeyId id, path_id<ApiKeyId>(call, "key_id"));
    co_return co_await mutate(
        services, call,
        [id, workspace_no = call.workspace_no](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            const auto* known = side.directory().get().key(id);
            if (known == nullptr || known->workspace_no != workspace_no)
                return fail(Errc::not_found, "there is no such API key in this workspace");
            routing::KeyFacts facts = *known;
            facts.revoked = true;
            TRY(const auto applied, store::revoke_api_key(tx.db(), facts.no, side.clock().wall()));
            if (applied == store::Applied::yes) {
                CHECK(side.intake.note(tx, workspace_no, ledger::LeafKind::key_revoked,
                                       {{"key", id.text()}}));
                side.directory().change(tx, side.directory().get().with(facts));
            }
            return Reply{200, view_of(facts), {}};
        });
}

runtime::Task<Result<Reply>> create_entity(Services& services, Call& call) {
    json::ObjectReader in{call.body};
    const std::string reference = in.text("reference", 200);
    const std::string name = in.text("name", 200);
    CO_CHECK(in.finish());
    co_return co_await mutate(
        services, call,
        [reference, name, workspace_no = call.workspace_no](store::Tx& tx,
                                                            WriterSide& side) -> Result<Reply> {
            const Timestamp now = side.clock().wall();
            store::EntityRow row;
            row.id = side.entropy().id<EntityId>(now);
            row.workspace_no = workspace_no;
            row.reference = reference;
            row.name = name;
            row.created_at = now;
            auto no = store::insert_entity(tx.db(), row);
            if (!no && no.error().code == Errc::conflict)
                return fail(Errc::conflict,
                            fmt::format("there is an entity with the reference '{}' "
                                        "already",
                                        reference),
                            "/reference");
            if (!no) return pass(std::move(no).error());
            routing::EntityFacts facts{*no, row.id, workspace_no, reference, name};
            Reply reply{201, view_of(facts), {}};
            side.directory().change(tx, side.directory().get().with(std::move(facts)));
            return reply;
        });
}

runtime::Task<Result<Reply>> list_entities(Services&, Call& call) {
    json::Array data;
    for (const auto& entity : call.directory->entities(call.workspace_no))
        data.push_back(view_of(entity));
    co_return Reply{200, json::Object{{"data", std::move(data)}}, {}};
}

runtime::Task<Result<Reply>> get_settings(Services&, Call& call) {
    const auto* workspace = call.directory->workspace(call.workspace_no);
    co_return Reply{200, workspace->settings, {}};
}

runtime::Task<Result<Reply>> put_settings(Services& services, Call& call) {
    json::ObjectReader in{call.body};
    json::Object settings;
    if (const json::Value& schema = in.object("metadata_schema"); !schema.is_null()) {
        if (auto check = intake::SchemaCheck::compile(schema); !check)
            co_return fail(Errc::invalid_argument, check.error().detail,
                           "/metadata_schema" + check.error().pointer);
        settings.append("metadata_schema", schema);
    }
    json::Array keys;
    for (std::string& key : in.texts("entity_metadata_keys", 16, 64))
        keys.emplace_back(std::move(key));
    if (!keys.empty()) settings.append("entity_metadata_keys", std::move(keys));
    CO_CHECK(in.finish());
    co_return co_await mutate(
        services, call,
        [settings = json::Value{std::move(settings)}, workspace_no = call.workspace_no](
            store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(auto row, store::load_workspace(tx.db(), workspace_no));
            if (!row) return fail(Errc::not_found, "there is no such workspace");
            row->settings = json::to_text(settings);
            CHECK(store::update_workspace(tx.db(), *row));
            CHECK(side.intake.note(tx, workspace_no, ledger::LeafKind::config_changed,
                                   {{"c", to_hex(sha256(row->settings))}}));
            routing::WorkspaceFacts facts = *side.directory().get().workspace(workspace_no);
            facts.settings = settings;
            side.directory().change(tx, side.directory().get().with(std::move(facts)));
            return Reply{200, settings, {}};
        });
}

std::vector<Component> workspace_components() {
    return {
        {"Workspace",
         R"({"type":"object","required":["id","name"],"properties":{"id":{"type":"string"},)"
         R"("name":{"type":"string"},"settings":{"$ref":"#/components/schemas/Settings"}}})"},
        {"WorkspaceRequest",
         R"({"type":"object","required":["name"],"properties":{"name":{"type":"string"}}})"},
        {"WorkspaceList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                          R"({"$ref":"#/components/schemas/Workspace"}}}})"},
        {"ApiKey",
         R"({"type":"object","required":["id","name","role"],"properties":{"id":{"type":"string"},)"
         R"("name":{"type":"string"},"role":{"enum":["owner","admin","member","viewer","auditor"]},)"
         R"("scopes":{"type":"array","items":{"type":"string"}},"revoked":{"type":"boolean"},)"
         R"("expires_at":{"type":"string","format":"date-time"},)"
         R"("key":{"type":"string","description":"The secret text; shown once, at creation."}}})"},
        {"ApiKeyRequest",
         R"({"type":"object","required":["name","role"],"properties":{"name":{"type":"string"},)"
         R"("role":{"enum":["owner","admin","member","viewer","auditor"]},)"
         R"("scopes":{"type":"array","items":{"type":"string"}},)"
         R"("expires_at":{"type":"string","format":"date-time"}}})"},
        {"ApiKeyList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                       R"({"$ref":"#/components/schemas/ApiKey"}}}})"},
        {"Entity",
         R"({"type":"object","required":["reference","name"],"properties":{"id":{"type":"string"},)"
         R"("reference":{"type":"string"},"name":{"type":"string"}}})"},
        {"EntityRequest", R"({"type":"object","required":["reference","name"],"properties":{)"
                          R"("reference":{"type":"string"},"name":{"type":"string"}}})"},
        {"EntityList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                       R"({"$ref":"#/components/schemas/Entity"}}}})"},
        {"Settings",
         R"({"type":"object","properties":{"metadata_schema":{"type":"object","description":)"
         R"("JSON Schema (draft 7) that metadata must meet; what does not is quarantined."},)"
         R"("entity_metadata_keys":{"type":"array","items":{"type":"string"},"description":)"
         R"("Metadata members that name entities by reference. Default: entity, entities."}}})"},
    };
}

std::vector<Route> key_routes() {
    using http::Method;
    const auto workspace_manage = Permission::workspace_manage;
    return {
        {.method = Method::post,
         .path = "/v1/workspaces",
         .operation = "createWorkspace",
         .tag = "workspaces",
         .summary = "Create a workspace",
         .access = Access::installation,
         .permission = workspace_manage,
         .takes = Takes::json,
         .request = "#WorkspaceRequest",
         .status = 201,
         .response = "#Workspace",
         .handler = create_workspace},
        {.method = Method::get,
         .path = "/v1/workspaces",
         .operation = "listWorkspaces",
         .tag = "workspaces",
         .summary = "List the workspaces",
         .access = Access::installation,
         .permission = workspace_manage,
         .response = "#WorkspaceList",
         .handler = list_workspaces},
        {.method = Method::post,
         .path = "/v1/workspaces/{workspace_id}/api-keys",
         .operation = "createWorkspaceApiKey",
         .tag = "workspaces",
         .summary = "Create an API key for a workspace",
         .access = Access::installation,
         .permission = Permission::keys_manage,
         .takes = Takes::json,
         .request = "#ApiKeyRequest",
         .status = 201,
         .response = "#ApiKey",
         .handler = create_key_of_workspace},
        {.method = Method::post,
         .path = "/v1/api-keys",
         .operation = "createApiKey",
         .tag = "api keys",
         .summary = "Create an API key in this workspace",
         .permission = Permission::keys_manage,
         .takes = Takes::json,
         .request = "#ApiKeyRequest",
         .status = 201,
         .response = "#ApiKey",
         .handler = create_key},
        {.method = Method::get,
         .path = "/v1/api-keys",
         .operation = "listApiKeys",
         .tag = "api keys",
         .summary = "List the API keys of this workspace",
         .permission = Permission::keys_manage,
         .response = "#ApiKeyList",
         .handler = list_keys},
        {.method = Method::delete_,
         .path = "/v1/api-keys/{key_id}",
         .operation = "revokeApiKey",
         .tag = "api keys",
         .summary = "Revoke an API key",
         .permission = Permission::keys_manage,
         .response = "#ApiKey",
         .handler = revoke_key},
    };
}

std::vector<Route> entity_routes() {
    using http::Method;
    return {
        {.method = Method::post,
         .path = "/v1/entities",
         .operation = "createEntity",
         .tag = "entities",
         .summary = "Create a legal entity, subsidiary or client file",
         .permission = Permission::settings_write,
         .takes = Takes::json,
         .request = "#EntityRequest",
         .status = 201,
         .response = "#Entity",
         .handler = create_entity},
        {.method = Method::get,
         .path = "/v1/entities",
         .operation = "listEntities",
         .tag = "entities",
         .summary = "List the entities",
         .permission = Permission::settings_read,
         .response = "#EntityList",
         .handler = list_entities},
        {.method = Method::get,
         .path = "/v1/settings",
         .operation = "getSettings",
         .tag = "settings",
         .summary = "Read the workspace's settings",
         .permission = Permission::settings_read,
         .response = "#Settings",
         .handler = get_settings},
        {.method = Method::put,
         .path = "/v1/settings",
         .operation = "putSettings",
         .tag = "settings",
         .summary = "Replace the workspace's settings",
         .permission = Permission::settings_write,
         .takes = Takes::json,
         .request = "#Settings",
         .response = "#Settings",
         .handler = put_settings},
    };
}

}  // namespace

RouteGroup workspace_routes() {
    RouteGroup group;
    group.components = workspace_components();
    group.routes = key_routes();
    for (Route& route : entity_routes()) group.routes.push_back(std::move(route));
    return group;
}

}  // namespace blotter::api
