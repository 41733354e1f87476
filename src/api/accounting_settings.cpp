#include "api/accounting_settings.hpp"

#include <fmt/format.h>

namespace blotter::api {
namespace {

documents::WebhookFacts facts_of(const std::optional<store::AccountingWebhookRow>& row) {
    if (!row) return {};
    return {row->enabled, row->url};
}

bool is_this_machine(const security::Url& url) {
    if (!url.address) return url.host == "localhost";
    const security::AddressKind kind = security::kind_of(*url.address);
    return kind.tier != security::AddressTier::global && kind.what == "loopback";
}

security::Cell cell_of(const ApiKeyPlace& place) {
    return {place.workspace, "accounting_webhook", "api_key", place.entity.value};
}

std::string scope_text(const ApiKeyPlace& place) {
    return place.entity.is_nil() ? "workspace" : place.entity.text();
}

bool is_same(const store::AccountingWebhookRow& a, const store::AccountingWebhookRow& b) {
    return a.custom == b.custom && a.enabled == b.enabled && a.retries == b.retries &&
           a.url == b.url && a.api_key == b.api_key;
}

/// The ledger commits to the settings; of a key it says only whether there is one.
std::string canonical(const store::AccountingWebhookRow& row, const ApiKeyPlace& place) {
    return json::to_text(json::Object{{"what", "accounting_webhook"},
                                      {"scope", scope_text(place)},
                                      {"custom", row.custom},
                                      {"enabled", row.enabled},
                                      {"retries", row.retries},
                                      {"url", row.url},
                                      {"api_key", row.api_key.has_value()}});
}

}  // namespace

Result<StoredWebhooks> load_webhooks(sql::Connection& db, const store::AccountingWebhookKey& key) {
    StoredWebhooks out;
    TRY(out.entity, store::load_accounting_webhook(db, key));
    TRY(out.workspace, store::load_accounting_webhook(db, {key.workspace_no, 0}));
    return out;
}

Result<documents::Route> resolve_route(const StoredWebhooks& webhooks,
                                       const routing::EntityFacts& entity) {
    documents::ResolutionInput input;
    input.entity = {webhooks.entity && webhooks.entity->custom, facts_of(webhooks.entity)};
    input.workspace = facts_of(webhooks.workspace);
    input.entity_no = entity.no;
    input.entity_name = entity.name;
    return documents::resolve(input);
}

Result<Plain> check_accounting_url(const config::Settings& settings,
                                   const security::EgressGuard& guard, std::string_view text) {
    const auto at_url = [](Error error) {
        error.pointer = "/url";
        return pass(std::move(error));
    };
    auto url = security::parse_url(text);
    if (!url) return at_url(std::move(url).error());
    const bool plain = url->scheme == security::UrlScheme::http;
    if (plain && !(settings.development.enabled && is_this_machine(*url)))
        return fail(Errc::invalid_argument,
                    "an accounting webhook is reached over HTTPS only: the URL begins with "
                    "https:// (http:// to this machine is possible in development mode)",
                    "/url");
    if (auto judged = guard.check_url(text); !judged) return at_url(std::move(judged).error());
    return plain ? Plain::yes : Plain::no;
}

ApiKeyPlace api_key_place(const routing::Directory& directory, std::int64_t workspace_no,
                          documents::WebhookScope scope) {
    ApiKeyPlace out;
    if (const auto* workspace = directory.workspace(workspace_no)) out.workspace = workspace->id;
    if (const auto* entity = directory.entity(workspace_no, scope)) out.entity = entity->id;
    return out;
}

Result<Bytes> seal_api_key(WriterSide& side, const ApiKeyPlace& place, std::string_view text) {
    return side.keys().vault().seal(cell_of(place), as_bytes(text));
}

Result<security::Secret> open_api_key(intake::Keyring& keys, const ApiKeyPlace& place,
                                      ByteView sealed) {
    return keys.vault().open(cell_of(place), sealed);
}

Result<store::AccountingWebhookRow> save_webhook(store::Tx& tx, WriterSide& side,
                                                 const WebhookChange& change) {
    const Timestamp now = side.clock().wall();
    const std::int64_t workspace_no = change.key.workspace_no;
    const ApiKeyPlace place =
        api_key_place(side.directory().get(), workspace_no, change.key.entity_no);
    CHECK(side.keys().ensure(tx, place.workspace, workspace_no, now));
    TRY(const auto before, store::load_accounting_webhook(tx.db(), change.key));
    store::AccountingWebhookRow after;
    after.key = change.key;
    after.custom = change.custom;
    after.enabled = change.enabled;
    after.retries = change.retries;
    after.url = change.url;
    after.updated_at = now;
    if (before && !change.api_key_removed) after.api_key = before->api_key;
    if (change.api_key) {
        TRY(after.api_key, seal_api_key(side, place, change.api_key->expose_text()));
    }
    if (before && is_same(*before, after)) return *before;
    CHECK(store::put_accounting_webhook(tx.db(), after));
    CHECK(side.intake.note(tx, workspace_no, ledger::LeafKind::config_changed,
                           {{"c", to_hex(sha256(canonical(after, place)))},
                            {"scope", scope_text(place)},
                            {"what", std::string{"accounting_webhook"}}}));
    return after;
}

}  // namespace blotter::api
