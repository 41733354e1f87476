#include "store/tables/alerts.hpp"

#include <unordered_map>

#include <fmt/format.h>

#include "api/helpers.hpp"
#include "api/routes/quarantine.hpp"
#include "store/tables/access.hpp"
#include "store/tables/request_log.hpp"

namespace blotter::api {
namespace {

using security::Permission;

std::string_view to_text(store::AlertState state) {
    switch (state) {
        case store::AlertState::open:
            return "open";
        case store::AlertState::acknowledged:
            return "acknowledged";
        case store::AlertState::resolved:
            return "resolved";
    }
    return "unknown";
}

Result<std::optional<store::AlertState>> read_state(const Call& call) {
    const std::string* text = call.query.find("state");
    if (text == nullptr) return std::nullopt;
    for (const auto state :
         {store::AlertState::open, store::AlertState::acknowledged, store::AlertState::resolved})
        if (*text == to_text(state)) return state;
    return fail(Errc::invalid_argument, "'state' is open, acknowledged or resolved",
                "/query/state");
}

json::Value view_of(const store::AlertRow& row) {
    json::Object out;
    out.append("id", row.id.text());
    out.append("kind", row.kind);
    out.append("subject", row.subject);
    out.append("state", to_text(row.state));
    out.append("count", row.count);
    out.append("first_at", to_rfc3339(row.first_at));
    out.append("last_at", to_rfc3339(row.last_at));
    auto detail = json::parse(row.detail);
    out.append("detail", detail ? std::move(*detail) : json::Value{});
    out.append("acknowledged_by", text_or_null(row.acknowledged_by));
    out.append("acknowledged_at", time_or_null(row.acknowledged_at));
    out.append("resolved_by", text_or_null(row.resolved_by));
    out.append("resolved_at", time_or_null(row.resolved_at));
    return out;
}

runtime::Task<Result<Reply>> list_alerts(Services& services, Call& call) {
    CO_TRY(const PageQuery page, read_page(services, call, "listAlerts"));
    store::AlertFilter filter;
    filter.workspace_no = call.workspace_no;
    CO_TRY(filter.state, read_state(call));
    CO_TRY(const auto found, co_await store::read(services.loop, services.reader,
                                                  [filter, page = page.page](sql::Connection& db) {
                                                      return store::list_alerts(db, filter, page);
                                                  }));
    json::Array data;
    for (const store::AlertRow& row : found.rows) data.push_back(view_of(row));
    co_return Reply{200, make_list(services, call, "listAlerts", std::move(data), found.next), {}};
}

enum class Verdict : bool { acknowledge, resolve };

/// The same again is no mistake: two people may look at the same alert.
Result<Reply> decide(store::Tx& tx, const store::AlertDecision& decision, Verdict verdict) {
    const bool resolve = verdict == Verdict::resolve;
    CHECK(resolve ? store::resolve_alert(tx.db(), decision)
                  : store::acknowledge_alert(tx.db(), decision));
    TRY(const auto row, store::find_alert(tx.db(), decision.workspace_no, decision.id));
    if (!row) return fail(Errc::not_found, "there is no such alert in this workspace");
    if (!resolve && row->state == store::AlertState::resolved)
        return fail(Errc::conflict,
                    fmt::format("the alert was resolved by {} already", row->resolved_by));
    return Reply{200, view_of(*row), {}};
}

runtime::Task<Result<Reply>> decide_with(Services& services, Call& call, Verdict verdict) {
    CO_TRY(const AlertId id, path_id<AlertId>(call, "alert_id"));
    co_return co_await mutate(services, call,
                              [id, verdict, no = call.workspace_no, by = call.principal.name](
                                  store::Tx& tx, WriterSide& side) {
                                  return decide(tx, {no, id, by, side.clock().wall()}, verdict);
                              });
}

runtime::Task<Result<Reply>> acknowledge_alert(Services& services, Call& call) {
    return decide_with(services, call, Verdict::acknowledge);
}
runtime::Task<Result<Reply>> resolve_alert(Services& services, Call& call) {
    return decide_with(services, call, Verdict::resolve);
}

// --- The request log ---

json::Value view_of(const store::RequestLogRow& row,
                    const std::unordered_map<std::int64_t, ApiKeyId>& keys) {
    const auto key = keys.find(row.key_no);
    json::Object out;
    out.append("request_id", row.request_id);
    out.append("at", to_rfc3339(row.at));
    out.append("api_key_id", key == keys.end() ? json::Value{} : json::Value{key->second.text()});
    out.append("method", row.method);
    out.append("path", row.path);
    out.append("status", row.status);
    out.append("took_ms",
               json::Number{fmt::format("{:.3f}", static_cast<double>(row.took.count()) / 1000.0)});
    out.append("remote", row.remote);
    return out;
}

runtime::Task<Result<Reply>> list_requests(Services& services, Call& call) {
    CO_TRY(const PageQuery page, read_page(services, call, "listRequests"));
    CO_TRY(const auto found,
           co_await store::read(services.loop, services.reader,
                                [no = call.workspace_no, page = page.page](sql::Connection& db) {
                                    return store::list_request_log(db, no, page);
                                }));
    // Keys of the installation act in workspaces too.
    std::unordered_map<std::int64_t, ApiKeyId> keys;
    for (const std::optional<std::int64_t> owner : {std::optional{call.workspace_no}, {}})
        for (const routing::KeyFacts* key : call.directory->keys(owner))
            keys.emplace(key->no, key->id);
    json::Array data;
    for (const store::RequestLogRow& row : found.rows) data.push_back(view_of(row, keys));
    co_return Reply{
        200, make_list(services, call, "listRequests", std::move(data), found.next), {}};
}

std::vector<Component> components() {
    return {
        {"Alert",
         R"({"type":"object","required":["id","kind","subject","state","count"],"properties":{)"
         R"("id":{"type":"string"},"kind":{"type":"string"},"subject":{"type":"string"},)"
         R"("state":{"enum":["open","acknowledged","resolved"]},)"
         R"("count":{"type":"integer","description":"How often it was raised."},)"
         R"("first_at":{"type":"string","format":"date-time"},)"
         R"("last_at":{"type":"string","format":"date-time"},"detail":{"type":"object"},)"
         R"("acknowledged_by":{"type":["string","null"]},)"
         R"("acknowledged_at":{"type":["string","null"]},)"
         R"("resolved_by":{"type":["string","null"]},"resolved_at":{"type":["string","null"]}}})"},
        {"AlertList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Alert"}},"next_cursor":{"type":["string","null"]}}})"},
        {"LoggedRequest",
         R"({"type":"object","properties":{"request_id":{"type":"string"},)"
         R"("at":{"type":"string","format":"date-time"},"api_key_id":{"type":["string","null"]},)"
         R"("method":{"type":"string"},"path":{"type":"string"},"status":{"type":"integer"},)"
         R"("took_ms":{"type":"number"},"remote":{"type":"string"}}})"},
        {"RequestList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                        R"({"$ref":"#/components/schemas/LoggedRequest"}},)"
                        R"("next_cursor":{"type":["string","null"]}}})"},
    };
}

}  // namespace

RouteGroup alert_routes() {
    using http::Method;
    RouteGroup group;
    group.components = components();
    group.routes = {
        {.method = Method::get,
         .path = "/v1/alerts",
         .operation = "listAlerts",
         .tag = "alerts",
         .summary = "List what a person should look at",
         .permission = Permission::alerts_read,
         .response = "#AlertList",
         .parameters = page_parameters({{"state", "open, acknowledged or resolved"}}),
         .handler = list_alerts},
        {.method = Method::post,
         .path = "/v1/alerts/{alert_id}/acknowledge",
         .operation = "acknowledgeAlert",
         .tag = "alerts",
         .summary = "Say that somebody is looking at an alert",
         .permission = Permission::alerts_write,
         .response = "#Alert",
         .handler = acknowledge_alert},
        {.method = Method::post,
         .path = "/v1/alerts/{alert_id}/resolve",
         .operation = "resolveAlert",
         .tag = "alerts",
         .summary = "Say that the cause of an alert is gone",
         .permission = Permission::alerts_write,
         .response = "#Alert",
         .handler = resolve_alert},
        {.method = Method::get,
         .path = "/v1/requests",
         .operation = "listRequests",
         .tag = "requests",
         .summary = "List the requests made with the keys of this workspace",
         .permission = Permission::audit_read,
         .response = "#RequestList",
         .parameters = page_parameters(),
         .handler = list_requests},
    };
    for (Route& route : quarantine_routes()) group.routes.push_back(std::move(route));
    for (Component& component : quarantine_components()) group.components.push_back(component);
    return group;
}

}  // namespace blotter::api
