#include "api/routes/accounting.hpp"

#include <fmt/format.h>

#include "api/accounting_settings.hpp"
#include "api/destinations.hpp"
#include "api/document_sender.hpp"
#include "api/helpers.hpp"
#include "base/json_reader.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr std::string_view plain_warning =
    "This webhook uses http without TLS: documents and the API key can be read on the way. It "
    "works in development mode only.";

json::Value effective_of(const StoredWebhooks& webhooks, const routing::EntityFacts& entity) {
    const auto route = resolve_route(webhooks, entity);
    if (!route)
        return json::Object{
            {"can_send", false}, {"webhook", nullptr}, {"reason", route.error().detail}};
    const bool own = route->scope != documents::workspace_scope;
    return json::Object{
        {"can_send", true}, {"webhook", own ? "entity" : "workspace"}, {"reason", nullptr}};
}

/// `entity` is null for the workspace's. The key itself is never in it: the field is empty, and
/// beside it stands a placeholder.
json::Value view_of(const StoredWebhooks& webhooks, const routing::EntityFacts* entity) {
    const auto& row = entity == nullptr ? webhooks.workspace : webhooks.entity;
    json::Object out;
    if (entity != nullptr) {
        out.append("entity_id", entity->id.text());
        out.append("use_custom", row && row->custom);
    }
    out.append("url", row ? row->url : "");
    out.append("api_key", "");
    out.append("api_key_masked", row && row->api_key ? json::Value{masked_api_key} : json::Value{});
    out.append("enabled", row && row->enabled);
    out.append("retries", row && row->retries);
    if (row) out.append("updated_at", to_rfc3339(row->updated_at));
    if (row && row->url.starts_with("http://")) out.append("warning", plain_warning);
    if (entity != nullptr) out.append("effective", effective_of(webhooks, *entity));
    return out;
}

/// The entity of the path, or null for the workspace's webhook.
using EntityPtr = const routing::EntityFacts*;

runtime::Task<Result<Reply>> show(Services& services, Call& call, EntityPtr entity) {
    const store::AccountingWebhookKey key{call.workspace_no, entity == nullptr ? 0 : entity->no};
    CO_TRY(const StoredWebhooks webhooks,
           co_await store::read(services.loop, services.reader,
                                [key](sql::Connection& db) { return load_webhooks(db, key); }));
    co_return Reply{200, view_of(webhooks, entity), {}};
}

/// An empty key keeps the one that is stored, null removes it, a new one replaces it. So does the
/// placeholder, in case a form sends it back.
Result<> read_api_key(const Call& call, json::ObjectReader& in, WebhookChange& out) {
    const std::string given = in.text_or("api_key", 8'192, "");
    const json::Value* member = call.body.find("api_key");
    out.api_key_removed = member != nullptr && member->is_null();
    if (given.empty() || given == masked_api_key) return {};
    if (auto checked = check_bearer_key(given); !checked) {
        Error error = std::move(checked).error();
        error.pointer = "/api_key";
        return pass(std::move(error));
    }
    out.api_key = security::Secret::copy_of(given);
    return {};
}

Result<WebhookChange> read_change(Services& services, const Call& call, EntityPtr entity) {
    json::ObjectReader in{call.body};
    WebhookChange out;
    out.key = {call.workspace_no, entity == nullptr ? 0 : entity->no};
    if (entity != nullptr) out.custom = in.boolean_or("use_custom", false);
    out.url = in.text_or("url", security::url_bytes_max, "");
    out.enabled = in.boolean_or("enabled", false);
    out.retries = in.boolean_or("retries", false);
    CHECK(read_api_key(call, in, out));
    // What a client read may come back as it was.
    for (const char* shown : {"api_key_masked", "updated_at", "warning", "entity_id", "effective"})
        in.take(shown);
    CHECK(in.finish());
    if (entity == nullptr && out.enabled && out.url.empty())
        return fail(Errc::invalid_argument, "the webhook cannot be enabled without a URL", "/url");
    if (out.url.empty()) return out;
    TRY(const Plain plain, check_accounting_url(services.settings, services.guard, out.url));
    if (plain == Plain::yes)
        services.log.warning("accounting.plain_http",
                             {{"workspace", call.workspace}, {"detail", plain_warning}});
    return out;
}

runtime::Task<Result<Reply>> save(Services& services, Call& call, EntityPtr entity) {
    CO_TRY(WebhookChange change, read_change(services, call, entity));
    const std::optional<routing::EntityFacts> kept =
        entity == nullptr ? std::nullopt : std::optional{*entity};
    co_return co_await mutate(
        services, call,
        [kept, change = std::move(change)](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(auto row, save_webhook(tx, side, change));
            StoredWebhooks webhooks;
            if (kept) {
                TRY(webhooks.workspace,
                    store::load_accounting_webhook(tx.db(), {change.key.workspace_no, 0}));
                webhooks.entity = std::move(row);
            } else {
                webhooks.workspace = std::move(row);
            }
            return Reply{200, view_of(webhooks, kept ? &*kept : nullptr), {}};
        });
}

runtime::Task<Result<Reply>> test(Services& services, Call& call, EntityPtr entity) {
    CO_TRY(const TestReport report,
           co_await send_sample(services, {call.workspace_no, entity == nullptr ? 0 : entity->no}));
    json::Object out{{"outcome", documents::to_text(report.judgement.outcome)},
                     {"code", report.judgement.code},
                     {"message", report.judgement.message},
                     {"request_id", report.request_id},
                     {"took_ms", std::int64_t{report.took.count()}}};
    if (report.judgement.status) out.append("status", *report.judgement.status);
    if (!report.reference.empty()) out.append("reference", report.reference);
    co_return Reply{200, std::move(out), {}};
}

runtime::Task<Result<Reply>> get_workspace(Services& services, Call& call) {
    co_return co_await show(services, call, nullptr);
}
runtime::Task<Result<Reply>> put_workspace(Services& services, Call& call) {
    co_return co_await save(services, call, nullptr);
}
runtime::Task<Result<Reply>> test_workspace(Services& services, Call& call) {
    co_return co_await test(services, call, nullptr);
}
runtime::Task<Result<Reply>> get_entity(Services& services, Call& call) {
    CO_TRY(const auto* entity, path_entity(call));
    co_return co_await show(services, call, entity);
}
runtime::Task<Result<Reply>> put_entity(Services& services, Call& call) {
    CO_TRY(const auto* entity, path_entity(call));
    co_return co_await save(services, call, entity);
}
runtime::Task<Result<Reply>> test_entity(Services& services, Call& call) {
    CO_TRY(const auto* entity, path_entity(call));
    co_return co_await test(services, call, entity);
}

std::vector<Component> components() {
    return {
        {"AccountingWebhook",
         R"({"type":"object","properties":{"url":{"type":"string"},"api_key":{"type":)"
         R"(["string","null"],"description":"Sent as a bearer token. Always empty when read; empty )"
         R"(keeps the stored key, a new value replaces it, null removes it."},)"
         R"("api_key_masked":{"type":["string","null"],"readOnly":true},)"
         R"("enabled":{"type":"boolean"},"retries":{"type":"boolean","description":)"
         R"("Send again by itself, on the usual schedule, what did not get through."},)"
         R"("updated_at":{"type":"string","format":"date-time","readOnly":true},)"
         R"("warning":{"type":"string","readOnly":true}}})"},
        {"EntityAccountingWebhook",
         R"({"type":"object","properties":{"entity_id":{"type":"string","readOnly":true},)"
         R"("use_custom":{"type":"boolean","description":"The entity uses its own webhook, and )"
         R"(never the workspace's."},"url":{"type":"string"},"api_key":{"type":["string","null"]},)"
         R"("api_key_masked":{"type":["string","null"],"readOnly":true},)"
         R"("enabled":{"type":"boolean"},"retries":{"type":"boolean"},)"
         R"("updated_at":{"type":"string","format":"date-time","readOnly":true},)"
         R"("warning":{"type":"string","readOnly":true},"effective":{"type":"object",)"
         R"("readOnly":true,"properties":{"can_send":{"type":"boolean"},)"
         R"("webhook":{"enum":["entity","workspace",null]},"reason":{"type":["string","null"]}}}}})"},
        {"WebhookTest",
         R"({"type":"object","properties":{"outcome":{"enum":["sent","failed","unknown"]},)"
         R"("code":{"type":"string"},"message":{"type":"string"},"status":{"type":"integer"},)"
         R"("reference":{"type":"string"},"request_id":{"type":"string"},)"
         R"("took_ms":{"type":"integer"}}})"},
    };
}

struct Row {
    http::Method method;
    std::string_view path;
    std::string_view operation;
    std::string_view summary;
    std::string_view schema;
    Handler handler;
};

std::vector<Route> settings_routes() {
    using http::Method;
    constexpr std::string_view workspace = "/v1/accounting-webhook";
    constexpr std::string_view entity = "/v1/entities/{entity_id}/accounting-webhook";
    const Row rows[] = {
        {Method::get, workspace, "getAccountingWebhook", "Read the workspace's accounting webhook",
         "#AccountingWebhook", get_workspace},
        {Method::put, workspace, "putAccountingWebhook", "Save the workspace's accounting webhook",
         "#AccountingWebhook", put_workspace},
        {Method::post, "/v1/accounting-webhook/test", "testAccountingWebhook",
         "Send a sample to the workspace's accounting webhook", "#WebhookTest", test_workspace},
        {Method::get, entity, "getEntityAccountingWebhook",
         "Read an entity's own accounting webhook", "#EntityAccountingWebhook", get_entity},
        {Method::put, entity, "putEntityAccountingWebhook",
         "Save an entity's own accounting webhook", "#EntityAccountingWebhook", put_entity},
        {Method::post, "/v1/entities/{entity_id}/accounting-webhook/test",
         "testEntityAccountingWebhook", "Send a sample to an entity's own accounting webhook",
         "#WebhookTest", test_entity},
    };
    std::vector<Route> out;
    for (const Row& row : rows) {
        Route route{.method = row.method,
                    .path = row.path,
                    .operation = row.operation,
                    .tag = "accounting",
                    .summary = row.summary,
                    // Owner and Admin only, also to look: an address can hold a secret.
                    .permission = Permission::settings_write,
                    .response = row.schema,
                    .handler = row.handler};
        if (row.method == Method::put) {
            route.takes = Takes::json;
            route.request = row.schema;
        }
        out.push_back(std::move(route));
    }
    return out;
}

}  // namespace

Result<const routing::EntityFacts*> path_entity(const Call& call) {
    TRY(const EntityId id, path_id<EntityId>(call, "entity_id"));
    const auto* entity = call.directory->entity(call.workspace_no, id);
    if (entity == nullptr)
        return fail(Errc::not_found, "there is no such entity in this workspace");
    return entity;
}

RouteGroup accounting_routes() {
    RouteGroup group;
    group.components = components();
    group.routes = settings_routes();
    for (Component& component : accounting_record_components())
        group.components.push_back(component);
    for (Route& route : accounting_record_routes()) group.routes.push_back(std::move(route));
    return group;
}

}  // namespace blotter::api
