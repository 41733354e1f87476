#include "api/destinations.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "connectors/webhook/webhook.hpp"
#include "delivery/schedule.hpp"
#include "http/message.hpp"
#include "intake/sealed_config.hpp"
#include "security/header_rules.hpp"

namespace blotter::api {
namespace {

constexpr std::string_view header_mask = "(set)";
constexpr std::size_t bearer_key_bytes_max = 4'096;

json::Array warnings_of(const Destination& destination) {
    json::Array out;
    if (destination.kind != "webhook") return out;
    if (destination.webhook.tls_min == 12)
        out.emplace_back("TLS 1.2 is accepted from this receiver; this choice is in the ledger");
    if (destination.webhook.url.starts_with("http://"))
        out.emplace_back("this address is not encrypted: events go over the network in the clear");
    return out;
}

json::Value masked_config(const Destination& destination) {
    json::Value config = config_to_json(destination);
    json::Value* headers = config.as_object()->find("headers");
    if (headers == nullptr) return config;
    for (json::Member& header : *headers->as_object())
        if (security::is_sensitive_header(header.name)) header.value = header_mask;
    return config;
}

}  // namespace

SecretHints hints_of(const Result<connectors::DestinationSecrets>& secrets) {
    SecretHints out;
    if (!secrets) return out;
    out.valid = secrets->signing.size();
    if (!secrets->signing.empty()) out.signing = secrets->signing.front().masked();
    out.bearer = secrets->bearer.has_value();
    return out;
}

SecretHints hints_of(intake::Keyring& keys, SealedSecrets sealed) {
    return hints_of(open_secrets(keys, std::move(sealed)));
}

json::Value view_of(const Destination& d, const routing::Directory& directory,
                    const SecretHints& hints) {
    json::Object out;
    out.append("id", d.id.text());
    out.append("name", d.name);
    out.append("kind", d.kind);
    const auto* entity = d.entity_no ? directory.entity(d.workspace_no, *d.entity_no) : nullptr;
    out.append("entity_id", entity == nullptr ? json::Value{} : json::Value{entity->id.text()});
    out.append("state", to_text(d.state));
    out.append("state_reason", d.state_reason);
    out.append("config", masked_config(d));
    out.append("limits_in_force", to_json(in_force(d.limits, directory.defaults())));
    out.append("signing_secret_hint",
               hints.signing.empty() ? json::Value{} : json::Value{hints.signing});
    out.append("signing_secrets_valid", static_cast<std::uint64_t>(hints.valid));
    out.append("bearer_key_set", hints.bearer);
    out.append("warnings", warnings_of(d));
    out.append("version", d.version);
    out.append("created_at", to_rfc3339(d.created_at));
    out.append("updated_at", to_rfc3339(d.updated_at));
    return out;
}

Result<> read_config(const json::Value& config, Destination& into) {
    if (auto read = config_from_json(config, into); !read) {
        Error error = std::move(read).error();
        error.pointer = "/config" + error.pointer;
        return pass(std::move(error));
    }
    return {};
}

json::Value unmask_headers(json::Value config, const Destination& before) {
    json::Object* object = config.as_object();
    json::Value* headers = object == nullptr ? nullptr : object->find("headers");
    if (headers == nullptr || headers->as_object() == nullptr) return config;
    for (json::Member& header : *headers->as_object()) {
        const std::string* value = header.value.as_string();
        if (value == nullptr || *value != header_mask) continue;
        for (const auto& [name, known] : before.webhook.headers)
            if (http::equal_ignoring_case(name, header.name)) header.value = known;
    }
    return config;
}

Result<routing::TargetPtr> check_destination(Destination destination,
                                             const DeliveryDefaults& defaults,
                                             const security::EgressGuard& guard, bool has_bearer) {
    if (destination.kind == "webhook")
        CHECK(connectors::check_webhook(destination.webhook, guard, has_bearer));
    if (!destination.limits.schedule.empty())
        if (auto made = delivery::Schedule::create(destination.limits.schedule); !made)
            return fail(Errc::invalid_argument, made.error().detail, "/config/schedule");
    auto target = routing::make_target(std::move(destination), defaults);
    if (!target) return fail(target.error().code, target.error().detail, "/config/filter");
    return target;
}

Result<std::optional<std::int64_t>> entity_no_of(const routing::Directory& directory,
                                                 std::int64_t workspace_no, std::string_view id) {
    if (id.empty()) return std::nullopt;
    const auto parsed = EntityId::parse(id);
    const auto* entity = parsed ? directory.entity(workspace_no, *parsed) : nullptr;
    if (entity == nullptr)
        return fail(Errc::invalid_argument,
                    "there is no such entity in this workspace; GET /v1/entities has the list",
                    "/entity_id");
    return entity->no;
}

Result<> check_bearer_key(std::string_view text) {
    const bool visible = std::ranges::all_of(
        text, [](char c) { return c > ' ' && static_cast<signed char>(c) > 0 && c != '\x7f'; });
    if (visible && !text.empty() && text.size() <= bearer_key_bytes_max) return {};
    return fail(Errc::invalid_argument,
                fmt::format("a bearer key is 1 to {} visible ASCII characters without spaces",
                            bearer_key_bytes_max),
                "/bearer_key");
}

Result<store::DestinationRow> row_of(store::Tx& tx, WriterSide& side, const Destination& d) {
    const SecretOwner owner = owner_of(side, d);
    CHECK(side.keys().ensure(tx, owner.workspace, d.workspace_no, side.clock().wall()));
    TRY(const json::Value config,
        intake::seal_config(config_to_json(d), side.keys(), owner.workspace, d.id));
    store::DestinationRow row;
    row.no = d.no;
    row.id = d.id;
    row.workspace_no = d.workspace_no;
    row.entity_no = d.entity_no;
    row.kind = d.kind;
    row.name = d.name;
    row.state = d.state;
    row.state_reason = d.state_reason;
    row.config = json::to_text(config);
    row.created_at = d.created_at;
    row.updated_at = d.updated_at;
    row.version = d.version;
    return row;
}

Result<> note_change(store::Tx& tx, WriterSide& side, const Destination& after,
                     const Destination* before) {
    json::Object what;
    what.append("name", after.name);
    what.append("entity_no", after.entity_no.value_or(0));
    what.append("config", config_to_json(after));
    TRY(const std::string commitment,
        side.intake.commit_to(tx, after.workspace_no, after.id.value, json::to_text(what)));
    CHECK(side.intake.note(tx, after.workspace_no, ledger::LeafKind::destination_changed,
                           {{"c", commitment},
                            {"dst", after.id.text()},
                            {"state", std::string{to_text(after.state)}}}));
    const bool lowered = after.kind == "webhook" && after.webhook.tls_min == 12 &&
                         (before == nullptr || before->webhook.tls_min != 12);
    if (!lowered) return {};
    return side.intake.note(tx, after.workspace_no, ledger::LeafKind::tls_downgraded,
                            {{"dst", after.id.text()}});
}

SecretOwner owner_of(WriterSide& side, const Destination& destination) {
    const auto* workspace = side.directory().get().workspace(destination.workspace_no);
    return {workspace->id, workspace->no, destination.id, destination.no};
}

Result<routing::TargetPtr> find_target(const routing::Directory& directory,
                                       std::int64_t workspace_no, const DestinationId& id) {
    auto target = directory.target(workspace_no, id);
    if (!target) return fail(Errc::not_found, "there is no such destination in this workspace");
    return target;
}

Result<SecretHints> hints_in(store::Tx& tx, WriterSide& side, const Destination& destination) {
    TRY(auto sealed, load_sealed_secrets(tx.db(), {destination.no, destination.workspace_no},
                                         side.clock().wall()));
    return hints_of(side.keys(), std::move(sealed));
}

Result<std::optional<std::int64_t>> expected_version(const Call& call) {
    if (const json::Value* version = call.body.find("version")) {
        const auto number = version->as_int64();
        if (!number) return fail(Errc::invalid_argument, "'version' is a whole number", "/version");
        return *number;
    }
    const auto field = call.request.headers.find("if-match");
    if (!field || *field == "*") return std::nullopt;
    std::string_view text = *field;
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        return fail(Errc::invalid_argument,
                    "If-Match holds the destination's version, for example \"3\"");
    return number;
}

Result<> check_version(const Destination& destination, std::optional<std::int64_t> expected) {
    if (!expected || *expected == destination.version) return {};
    return fail(Errc::precondition_failed,
                fmt::format("the destination was changed meanwhile: it has version {}, not {}; "
                            "read it again",
                            destination.version, *expected));
}

}  // namespace blotter::api
