#include "store/tables/workspaces.hpp"

#include <fmt/format.h>

#include "api/helpers.hpp"
#include "api/metadata_schemas.hpp"
#include "api/routes/api_keys.hpp"
#include "api/routes/erasures.hpp"
#include "base/json_reader.hpp"
#include "intake/schema_check.hpp"

namespace blotter::api {
namespace {

using security::Permission;

json::Value view_of(const routing::WorkspaceFacts& w) {
    return json::Object{{"id", w.id.text()}, {"name", w.name}, {"settings", w.settings}};
}

json::Value view_of(const routing::EntityFacts& e) {
    return json::Object{{"id", e.id.text()}, {"reference", e.reference}, {"name", e.name}};
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
            facts.settings = json::Object{{"metadata_schema", default_metadata_schema()}};
            row.settings = json::to_text(facts.settings);
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
            TRY(const std::string commitment,
                side.intake.commit_to(tx, workspace_no, row->id.value, row->settings));
            CHECK(side.intake.note(tx, workspace_no, ledger::LeafKind::config_changed,
                                   {{"c", commitment}}));
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
        {"Entity",
         R"({"type":"object","required":["reference","name"],"properties":{"id":{"type":"string"},)"
         R"("reference":{"type":"string"},"name":{"type":"string"}}})"},
        {"EntityRequest", R"({"type":"object","required":["reference","name"],"properties":{)"
                          R"("reference":{"type":"string"},"name":{"type":"string"}}})"},
        {"EntityList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                       R"({"$ref":"#/components/schemas/Entity"}}}})"},
        {"Settings",
         R"({"type":"object","properties":{"metadata_schema":{"type":"object","description":)"
         R"("JSON Schema (draft 7) that metadata must meet; what does not is quarantined. A new )"
         R"(workspace begins with one by which montant_ht is a number and not negative."},)"
         R"("entity_metadata_keys":{"type":"array","items":{"type":"string"},"description":)"
         R"("Metadata members that name entities by reference. Default: entity, entities."}}})"},
    };
}

std::vector<Route> administration_routes() {
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
    for (const Component& part : api_key_components()) group.components.push_back(part);
    for (const Component& part : erasure_components()) group.components.push_back(part);
    group.routes = administration_routes();
    for (Route& route : api_key_routes()) group.routes.push_back(std::move(route));
    for (Route& route : erasure_routes()) group.routes.push_back(std::move(route));
    for (Route& route : entity_routes()) group.routes.push_back(std::move(route));
    return group;
}

}  // namespace blotter::api
