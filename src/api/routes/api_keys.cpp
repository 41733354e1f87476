#include "api/routes/api_keys.hpp"

#include "api/helpers.hpp"
#include "base/json_reader.hpp"
#include "security/api_key.hpp"
#include "store/tables/access.hpp"

namespace blotter::api {
namespace {

using security::Permission;

/// Empty: the installation, whose keys may act on every workspace.
using Owner = std::optional<std::int64_t>;

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
    for (std::size_t i = 0; i < views.size(); ++i) {
        TRY(const auto scope, security::parse_scopes({&views[i], 1}));
        if ((scope & security::permissions_of(out.role)) == security::PermissionSet{})
            return fail(
                Errc::invalid_argument,
                fmt::format("the role {} does not have {}", security::to_text(out.role), views[i]),
                fmt::format("/scopes/{}", i));
    }
    if (!security::may_grant(call.principal.permissions, out.role, out.scopes))
        return fail(Errc::forbidden, "a key cannot give more than it has itself", "/role");
    return out;
}

struct MadeKey {
    routing::KeyFacts facts;
    json::Value view;  ///< with the secret text
};

Result<MadeKey> insert_key(store::Tx& tx, WriterSide& side, const KeyRequest& wanted, Owner owner) {
    const Timestamp now = side.clock().wall();
    auto made = security::create_api_key(side.entropy().id<ApiKeyId>(now), side.random);
    MadeKey out;
    out.facts.id = made.id;
    out.facts.workspace_no = owner;
    out.facts.name = wanted.name;
    out.facts.role = wanted.role;
    out.facts.scopes = wanted.scopes;
    out.facts.hash = made.hash;
    out.facts.expires_at = wanted.expires_at;
    out.view = view_of(out.facts);
    store::ApiKeyRow row;
    row.id = made.id;
    row.workspace_no = owner;
    row.name = wanted.name;
    row.role = static_cast<int>(wanted.role);
    row.scopes = json::to_text(*out.view.find("scopes"));
    row.hash = Bytes(made.hash.begin(), made.hash.end());
    row.created_at = now;
    row.expires_at = wanted.expires_at;
    TRY(out.facts.no, store::insert_api_key(tx.db(), row));
    out.view.as_object()->append("key", std::string{made.text.expose_text()});
    return out;
}

runtime::Task<Result<Reply>> make_key(Services& services, Call& call, Owner owner) {
    CO_TRY(KeyRequest wanted, read_key_request(call));
    co_return co_await mutate(
        services, call, [wanted, owner](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(MadeKey made, insert_key(tx, side, wanted, owner));
            CHECK(side.intake.note(tx, owner.value_or(intake::installation_no),
                                   ledger::LeafKind::key_created,
                                   {{"key", made.facts.id.text()},
                                    {"role", std::string{security::to_text(made.facts.role)}}}));
            side.directory().change(tx, side.directory().get().with(std::move(made.facts)));
            return Reply{201, std::move(made.view), {}};
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

runtime::Task<Result<Reply>> create_installation_key(Services& services, Call& call) {
    co_return co_await make_key(services, call, std::nullopt);
}

Reply list_of(const std::vector<const routing::KeyFacts*>& keys) {
    json::Array data;
    for (const auto* key : keys) data.push_back(view_of(*key));
    return {200, json::Object{{"data", std::move(data)}}, {}};
}

runtime::Task<Result<Reply>> list_keys(Services&, Call& call) {
    co_return list_of(call.directory->keys(call.workspace_no));
}

runtime::Task<Result<Reply>> list_installation_keys(Services&, Call& call) {
    co_return list_of(call.directory->keys(std::nullopt));
}

/// Whether somebody could still make another key of the installation if this one went.
bool is_last_owner(const routing::Directory& directory, const routing::KeyFacts& key,
                   Timestamp now) {
    const auto owns = [now](const routing::KeyFacts& one) {
        return one.role == security::Role::owner && one.scopes == security::PermissionSet::all() &&
               !one.revoked && (!one.expires_at || *one.expires_at > now);
    };
    if (!owns(key)) return false;
    for (const auto* other : directory.keys(std::nullopt))
        if (other->id != key.id && !other->expires_at && owns(*other)) return false;
    return true;
}

Result<Reply> revoke(store::Tx& tx, WriterSide& side, const ApiKeyId& id, Owner owner,
                     security::PermissionSet granted) {
    const routing::Directory& directory = side.directory().get();
    const auto* known = directory.key(id);
    if (known == nullptr || known->workspace_no != owner)
        return fail(Errc::not_found, owner ? "there is no such API key in this workspace"
                                           : "there is no such API key of the installation");
    if (!security::may_grant(granted, known->role, known->scopes))
        return fail(Errc::forbidden, "a key cannot take away more than it has itself");
    const Timestamp now = side.clock().wall();
    if (!owner && is_last_owner(directory, *known, now))
        return fail(Errc::conflict,
                    "this is the last key of the installation with the role owner, without scopes "
                    "and without an expiry: make another one first, or nobody could");
    routing::KeyFacts facts = *known;
    facts.revoked = true;
    TRY(const auto applied, store::revoke_api_key(tx.db(), facts.no, now));
    if (applied == store::Applied::yes) {
        CHECK(side.intake.note(tx, owner.value_or(intake::installation_no),
                               ledger::LeafKind::key_revoked, {{"key", id.text()}}));
        side.directory().change(tx, directory.with(facts));
    }
    return Reply{200, view_of(facts), {}};
}

runtime::Task<Result<Reply>> revoke_for(Services& services, Call& call, Owner owner) {
    CO_TRY(const ApiKeyId id, path_id<ApiKeyId>(call, "key_id"));
    co_return co_await mutate(
        services, call,
        [id, owner, granted = call.principal.permissions](store::Tx& tx, WriterSide& side) {
            return revoke(tx, side, id, owner, granted);
        });
}

runtime::Task<Result<Reply>> revoke_key(Services& services, Call& call) {
    co_return co_await revoke_for(services, call, call.workspace_no);
}

runtime::Task<Result<Reply>> revoke_installation_key(Services& services, Call& call) {
    co_return co_await revoke_for(services, call, std::nullopt);
}

}  // namespace

std::vector<Component> api_key_components() {
    return {
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
    };
}

namespace {

std::vector<Route> workspace_key_routes() {
    using http::Method;
    return {
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

std::vector<Route> installation_key_routes() {
    using http::Method;
    return {
        {.method = Method::post,
         .path = "/v1/installation/api-keys",
         .operation = "createInstallationApiKey",
         .tag = "api keys",
         .summary = "Create an API key of the installation, which may act on every workspace",
         .access = Access::installation,
         .permission = Permission::keys_manage,
         .takes = Takes::json,
         .request = "#ApiKeyRequest",
         .status = 201,
         .response = "#ApiKey",
         .handler = create_installation_key},
        {.method = Method::get,
         .path = "/v1/installation/api-keys",
         .operation = "listInstallationApiKeys",
         .tag = "api keys",
         .summary = "List the API keys of the installation",
         .access = Access::installation,
         .permission = Permission::keys_manage,
         .response = "#ApiKeyList",
         .handler = list_installation_keys},
        {.method = Method::delete_,
         .path = "/v1/installation/api-keys/{key_id}",
         .operation = "revokeInstallationApiKey",
         .tag = "api keys",
         .summary = "Revoke an API key of the installation; 409 for the last one of an owner",
         .access = Access::installation,
         .permission = Permission::keys_manage,
         .response = "#ApiKey",
         .handler = revoke_installation_key},
    };
}

}  // namespace

std::vector<Route> api_key_routes() {
    std::vector<Route> out = workspace_key_routes();
    for (Route& route : installation_key_routes()) out.push_back(std::move(route));
    return out;
}

}  // namespace blotter::api
