#include "api/destinations.hpp"

#include <fmt/format.h>

#include "api/merge_patch.hpp"
#include "api/slack/channels.hpp"
#include "base/json_reader.hpp"
#include "store/tables/queue.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr std::size_t name_bytes_max = 200;
constexpr std::size_t destinations_max = 10'000;  // in one workspace: all are kept in memory
constexpr std::size_t cancel_slice_rows = 500;
constexpr std::size_t list_rows_max = 200;

// --- Creating ---

struct NewDestination {
    routing::TargetPtr target;  ///< checked; without id and number
    std::optional<security::WebhookSecret> signing;
    std::optional<security::Secret> bearer;
};

Result<NewDestination> read_new(Services& services, const Call& call) {
    json::ObjectReader in{call.body};
    Destination destination;
    destination.workspace_no = call.workspace_no;
    destination.name = in.text("name", name_bytes_max);
    destination.kind = in.text_or("kind", 32, "webhook");
    const bool is_slack = destination.kind == "slack";
    if (destination.kind != "webhook" && !is_slack)
        in.refuse("kind", "'kind' is \"webhook\" or \"slack\"");
    const std::string entity = in.text_or("entity_id", 64, "");
    const std::string signing = in.text_or("signing_secret", 1'024, "");
    const std::string bearer = in.text_or("bearer_key", 8'192, "");
    const json::Value config = in.object("config");
    if (is_slack && !signing.empty())
        in.refuse("signing_secret", "a destination of kind \"slack\" is not signed");
    if (is_slack && !bearer.empty())
        in.refuse("bearer_key", "a destination of kind \"slack\" has the token of its connection");
    CHECK(in.finish());
    if (config.is_null())
        return fail(Errc::invalid_argument, "'config' is required: at least url and event_types",
                    "/config");
    NewDestination out;
    TRY(destination.entity_no, entity_no_of(*call.directory, call.workspace_no, entity));
    if (!signing.empty()) {
        auto secret = security::WebhookSecret::parse(signing);
        if (!secret) return fail(Errc::invalid_argument, secret.error().detail, "/signing_secret");
        out.signing = std::move(*secret);
    }
    if (!bearer.empty()) {
        CHECK(check_bearer_key(bearer));
        out.bearer = security::Secret::copy_of(bearer);
    }
    CHECK(read_config(config, destination));
    TRY(out.target, check_destination(std::move(destination), services.directory->defaults(),
                                      services.guard, !bearer.empty()));
    return out;
}

Result<Reply> insert_new(store::Tx& tx, WriterSide& side, NewDestination wanted) {
    const Timestamp now = side.clock().wall();
    const routing::Directory& directory = side.directory().get();
    auto target = std::make_shared<routing::Target>(*wanted.target);
    Destination& d = target->destination;
    if (directory.targets(d.workspace_no).size() >= destinations_max)
        return fail(Errc::conflict, fmt::format("a workspace has at most {} destinations; delete "
                                                "one that is no longer needed",
                                                destinations_max));
    d.id = side.entropy().id<DestinationId>(now);
    d.created_at = d.updated_at = now;
    d.version = 1;
    TRY(const store::DestinationRow row, row_of(tx, side, d));
    TRY(d.no, store::insert_destination(tx.db(), row));
    if (d.kind != "webhook") {
        json::Value view = view_of(d, directory, {});
        CHECK(note_change(tx, side, d, nullptr));
        side.directory().change(tx, directory.with(routing::TargetPtr{std::move(target)}));
        return Reply{201, std::move(view), {}};
    }
    if (!wanted.signing) wanted.signing = security::WebhookSecret::generate_hmac(side.random);
    const SecretOwner owner = owner_of(side, d);
    const std::string_view secret = wanted.signing->text().expose_text();
    CHECK(write_secret(tx, side.keys(), owner, secret_purpose::signing, secret, now));
    if (wanted.bearer)
        CHECK(write_secret(tx, side.keys(), owner, secret_purpose::bearer,
                           wanted.bearer->expose_text(), now));
    json::Value view =
        view_of(d, directory, {wanted.signing->masked(), 1, wanted.bearer.has_value()});
    view.as_object()->append("signing_secret", secret);
    CHECK(note_change(tx, side, d, nullptr));
    side.directory().change(tx, directory.with(routing::TargetPtr{std::move(target)}));
    return Reply{201, std::move(view), {}};
}

runtime::Task<Result<Reply>> create_destination(Services& services, Call& call) {
    CO_TRY(NewDestination wanted, read_new(services, call));
    if (wanted.target->destination.kind == "slack") {
        CO_TRY(Destination checked,
               co_await check_slack_channel(services, wanted.target->destination));
        CO_TRY(wanted.target,
               routing::make_target(std::move(checked), services.directory->defaults()));
    }
    co_return co_await mutate(
        services, call, [wanted = std::move(wanted)](store::Tx& tx, WriterSide& side) mutable {
            return insert_new(tx, side, std::move(wanted));
        });
}

// --- Reading ---

runtime::Task<Result<std::vector<SealedSecrets>>> read_secrets(
    Services& services, std::vector<DestinationPlace> places) {
    co_return co_await store::read(
        services.loop, services.reader,
        [places = std::move(places), now = services.loop.clock().wall()](
            sql::Connection& db) -> Result<std::vector<SealedSecrets>> {
            std::vector<SealedSecrets> out;
            out.reserve(places.size());
            for (const DestinationPlace& place : places) {
                auto sealed = load_sealed_secrets(db, place, now);
                // One that was deleted meanwhile is shown without hints.
                if (!sealed && sealed.error().code != Errc::not_found)
                    return pass(std::move(sealed).error());
                out.push_back(sealed ? std::move(*sealed) : SealedSecrets{});
            }
            return out;
        });
}

runtime::Task<Result<Reply>> list_destinations(Services& services, Call& call) {
    CO_TRY(const PageQuery page, read_page(services, call, "listDestinations"));
    std::vector<routing::TargetPtr> all = call.directory->targets(call.workspace_no);
    const bool newest = page.page.order == store::Order::newest_first;
    if (newest) std::ranges::reverse(all);
    std::erase_if(all, [&](const routing::TargetPtr& target) {
        const std::int64_t no = target->destination.no;
        return page.page.after != 0 && (newest ? no >= page.page.after : no <= page.page.after);
    });
    const std::size_t count = std::min({all.size(), page.page.limit, list_rows_max});
    std::optional<std::int64_t> next;
    if (count < all.size()) next = all[count - 1]->destination.no;
    all.resize(count);
    std::vector<DestinationPlace> places;
    places.reserve(all.size());
    for (const auto& target : all) places.push_back({target->destination.no, call.workspace_no});
    CO_TRY(std::vector<SealedSecrets> sealed, co_await read_secrets(services, std::move(places)));
    json::Array data;
    for (std::size_t i = 0; i < all.size(); ++i)
        data.push_back(view_of(all[i]->destination, *call.directory,
                               hints_of(services.keys, std::move(sealed[i]))));
    co_return Reply{200, make_list(services, call, "listDestinations", std::move(data), next), {}};
}

runtime::Task<Result<Reply>> get_destination(Services& services, Call& call) {
    CO_TRY(const DestinationId id, path_id<DestinationId>(call, "destination_id"));
    CO_TRY(const routing::TargetPtr target, find_target(*call.directory, call.workspace_no, id));
    std::vector<DestinationPlace> places{{target->destination.no, call.workspace_no}};
    CO_TRY(std::vector<SealedSecrets> sealed, co_await read_secrets(services, std::move(places)));
    co_return Reply{200,
                    view_of(target->destination, *call.directory,
                            hints_of(services.keys, std::move(sealed.front()))),
                    {}};
}

// --- Changing ---

struct Patch {
    DestinationId id;
    std::int64_t workspace_no = 0;
    std::optional<std::int64_t> version;
    std::optional<std::string> name;
    std::optional<std::string> entity;  ///< empty: the whole workspace
    json::Value config;                 ///< a merge patch; null: none
    std::optional<security::Secret> bearer;
    bool bearer_removed = false;
};

/// null removes, an empty text (what a form sends for a masked field) keeps.
Result<> read_bearer_patch(const Call& call, std::string_view given, Patch& out) {
    const json::Value* bearer = call.body.find("bearer_key");
    out.bearer_removed = bearer != nullptr && bearer->is_null();
    if (given.empty()) return {};
    CHECK(check_bearer_key(given));
    out.bearer = security::Secret::copy_of(given);
    return {};
}

Result<Patch> read_patch(const Call& call) {
    Patch out;
    TRY(out.id, path_id<DestinationId>(call, "destination_id"));
    out.workspace_no = call.workspace_no;
    TRY(out.version, expected_version(call));
    json::ObjectReader in{call.body};
    in.take("version");
    if (in.has("name")) out.name = in.text("name", name_bytes_max);
    if (call.body.find("entity_id") != nullptr) out.entity = in.text_or("entity_id", 64, "");
    out.config = in.object("config");
    const std::string bearer = in.text_or("bearer_key", 8'192, "");
    if (in.has("signing_secret"))
        in.refuse("signing_secret",
                  "a signing secret is changed with POST …/rotate-secret, so that receivers can "
                  "follow");
    CHECK(in.finish());
    CHECK(read_bearer_patch(call, bearer, out));
    return out;
}

Result<> write_bearer(store::Tx& tx, WriterSide& side, const Destination& d, const Patch& patch,
                      Timestamp now) {
    if (!patch.bearer && !patch.bearer_removed) return {};
    TRY(const auto rows, store::list_destination_secrets(tx.db(), d.no, now));
    for (const store::DestinationSecretRow& row : rows)
        if (row.purpose == secret_purpose::bearer)
            CHECK(store::delete_destination_secret(tx.db(), row.no));
    if (!patch.bearer) return {};
    CHECK(write_secret(tx, side.keys(), owner_of(side, d), secret_purpose::bearer,
                       patch.bearer->expose_text(), now));
    return {};
}

/// The destination as the patch makes it, without the secrets.
Result<Destination> patched(const routing::Directory& directory, const Destination& before,
                            const Patch& patch) {
    Destination after = before;
    if (patch.name) after.name = *patch.name;
    if (patch.entity) {
        TRY(after.entity_no, entity_no_of(directory, before.workspace_no, *patch.entity));
    }
    if (!patch.config.is_null()) {
        const json::Value changes = unmask_headers(patch.config, before);
        CHECK(read_config(merge_patch(config_to_json(before), changes), after));
    }
    return after;
}

/// It was stopped for what its channel would not take, and has another channel now.
bool is_cured(const Destination& before, const Destination& after) {
    return after.kind == "slack" && after.state == DestinationState::disabled &&
           after.state_reason.starts_with("slack_") &&
           (before.slack.channel != after.slack.channel ||
            before.slack.connection != after.slack.connection);
}

Result<Reply> apply_patch(store::Tx& tx, WriterSide& side, const security::EgressGuard& guard,
                          const Patch& patch) {
    const Timestamp now = side.clock().wall();
    const routing::Directory& directory = side.directory().get();
    TRY(const auto before, find_target(directory, patch.workspace_no, patch.id));
    CHECK(check_version(before->destination, patch.version));
    TRY(Destination after, patched(directory, before->destination, patch));
    TRY(const SecretHints known, hints_in(tx, side, after));
    const bool has_bearer = patch.bearer || (known.bearer && !patch.bearer_removed);
    after.updated_at = now;
    TRY(const store::DestinationRow row, row_of(tx, side, after));
    TRY(const store::Applied applied, store::update_destination(tx.db(), row));
    if (applied == store::Applied::no)
        return fail(Errc::conflict, "the destination was changed meanwhile; read it again");
    ++after.version;
    TRY(routing::TargetPtr target,
        check_destination(after, directory.defaults(), guard, has_bearer));
    CHECK(write_bearer(tx, side, after, patch, now));
    json::Value view = view_of(after, directory, {known.signing, known.valid, has_bearer});
    CHECK(note_change(tx, side, after, &before->destination));
    side.directory().change(tx, directory.with(target));
    if (is_cured(before->destination, after)) {
        CHECK(side.scribe.set_state(tx, after.no, DestinationState::enabled, ""));
        view = view_of(side.directory().get().target(after.no)->destination, directory, {});
    }
    return Reply{200, std::move(view), {}};
}

/// A channel that Slack does not know is refused before anything is written; its name is Slack's.
runtime::Task<Result<>> check_slack_patch(Services& services, const Call& call, Patch& patch) {
    const auto before = call.directory->target(patch.workspace_no, patch.id);
    if (!before || before->destination.kind != "slack" || patch.config.is_null())
        co_return Result<>{};
    if (patch.config.find("channel") == nullptr && patch.config.find("connection_id") == nullptr)
        co_return Result<>{};
    CO_TRY(Destination after, patched(*call.directory, before->destination, patch));
    CO_TRY(const Destination checked, co_await check_slack_channel(services, std::move(after)));
    patch.config.as_object()->set("channel_name", checked.slack.channel_name);
    co_return Result<>{};
}

runtime::Task<Result<Reply>> patch_destination(Services& services, Call& call) {
    CO_TRY(Patch patch, read_patch(call));
    CO_CHECK(co_await check_slack_patch(services, call, patch));
    co_return co_await mutate(
        services, call,
        [patch = std::move(patch), &guard = services.guard](store::Tx& tx, WriterSide& side) {
            return apply_patch(tx, side, guard, patch);
        });
}

// --- Deleting ---

/// Nothing new waits for it from here on, so that what waits can be cancelled slice by slice. A
/// crash in between leaves a disabled destination, which can be deleted again.
runtime::Task<Result<>> empty_queue(Services& services, std::int64_t destination_no) {
    CO_CHECK(co_await store::write(
        services.loop, services.writer,
        [&side = services.writer_side, destination_no](store::Tx& tx) -> Result<> {
            if (!side.directory().get().target(destination_no)) return {};
            CHECK(side.scribe.set_state(tx, destination_no, DestinationState::disabled,
                                        "is_being_deleted"));
            return {};
        }));
    for (;;) {
        CO_TRY(const std::vector<std::int64_t> cancelled,
               co_await store::write(
                   services.loop, services.writer,
                   [destination_no, at = services.loop.clock().wall()](store::Tx& tx) {
                       return store::cancel_waiting(
                           tx.db(), {destination_no, at, "destination_removed", cancel_slice_rows});
                   }));
        if (cancelled.size() < cancel_slice_rows) co_return Result<>{};
    }
}

Result<Reply> remove(store::Tx& tx, WriterSide& side, const Destination& destination) {
    const Timestamp now = side.clock().wall();
    CHECK(store::cancel_waiting(tx.db(),
                                {destination.no, now, "destination_removed", cancel_slice_rows}));
    CHECK(store::delete_destination(tx.db(), destination.no, now));
    const std::string id = destination.id.text();
    TRY(const std::string commitment,
        side.intake.commit_to(tx, destination.workspace_no, destination.id.value, "deleted"));
    CHECK(side.intake.note(tx, destination.workspace_no, ledger::LeafKind::destination_changed,
                           {{"c", commitment}, {"dst", id}, {"state", std::string{"deleted"}}}));
    side.directory().change(tx, side.directory().get().without_target(destination.no));
    return Reply{204, {}, {}};
}

runtime::Task<Result<Reply>> delete_destination(Services& services, Call& call) {
    CO_TRY(const DestinationId id, path_id<DestinationId>(call, "destination_id"));
    CO_TRY(const auto expected, expected_version(call));
    if (const auto target = call.directory->target(call.workspace_no, id)) {
        CO_CHECK(check_version(target->destination, expected));
        CO_CHECK(co_await empty_queue(services, target->destination.no));
    }
    co_return co_await mutate(
        services, call,
        [id, workspace_no = call.workspace_no](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(const auto target, find_target(side.directory().get(), workspace_no, id));
            return remove(tx, side, target->destination);
        });
}

}  // namespace

namespace {

Component slack_config() {
    return {
        "SlackDestinationConfig",
        R"({"type":"object","required":["connection_id","channel","event_types"],"properties":{)"
        R"("connection_id":{"type":"string"},"channel":{"type":"string","description":)"
        R"("A channel's id, from GET /v1/slack/connections/{id}/channels."},)"
        R"("channel_name":{"type":"string"},"event_types":{"type":"array","items":)"
        R"({"type":"string"}},"filter":{"type":"string"},"language":{"enum":["en","fr"]},)"
        R"("threads":{"type":"boolean","description":"One thread for each envelope."},)"
        R"("on_ambiguous":{"enum":["hold","resend_once"],"description":"What is done about a)"
        R"( message of which nobody knows whether it arrived."},)"
        R"("burst":{"type":"integer","minimum":1,"maximum":5},)"
        R"("schedule":{"type":"array","maxItems":20,"items":{"type":"string"}},)"
        R"("digest_to":{"type":"string","description":"A channel or member that gets a digest)"
        R"( every day."},"digest_at":{"type":"string","description":"07:30, in UTC."}}})"};
}

std::vector<Component> components() {
    return {
        {"DestinationConfig",
         R"({"type":"object","required":["url","event_types"],"properties":{)"
         R"("url":{"type":"string"},"event_types":{"type":"array","items":{"type":"string"},)"
         R"("description":"Names from GET /v1/event-types, or \"*\" for all of them."},)"
         R"("filter":{"type":"string","description":"An expression over event, data, envelope and)"
         R"( metadata; empty takes everything."},"format":{"enum":["standard","flat"]},)"
         R"("aliases":{"type":"boolean"},)"
         R"("compatibility_scheme":{"enum":["none","hex_body","timestamped"]},)"
         R"("compatibility_header":{"type":"string"},)"
         R"("headers":{"type":"object","additionalProperties":{"type":"string"}},)"
         R"("tls_min":{"enum":["1.3","1.2"]},"ca_pem":{"type":"string"},)"
         R"("concurrency":{"type":["integer","null"],"minimum":1,"maximum":1000},)"
         R"("rate_per_second":{"type":["integer","null"],"minimum":0,"maximum":100000,)"
         R"("description":"0: no limit."},)"
         R"("rate_burst":{"type":["integer","null"],"minimum":0,"maximum":100000},)"
         R"("timeout_ms":{"type":["integer","null"],"minimum":1000,"maximum":30000},)"
         R"("schedule":{"type":"array","maxItems":20,"items":{"type":"string"},)"
         R"("description":"When attempts are due after the first, for example [\"0s\",\"5m\"]."},)"
         R"("order":{"enum":["none","per_envelope"]}},"description":"A limit that is null, absent)"
         R"( or empty is as the server's settings have it; limits_in_force shows it."})"},
        {"LimitsInForce", R"({"type":"object","properties":{"concurrency":{"type":"integer"},)"
                          R"("rate_per_second":{"type":"integer","description":"0: no limit."},)"
                          R"("rate_burst":{"type":"integer"},"timeout_ms":{"type":"integer"},)"
                          R"("schedule":{"type":"array","items":{"type":"string"}},)"
                          R"("order":{"enum":["none","per_envelope"]}}})"},
        slack_config(),
        {"DestinationRequest",
         R"({"type":"object","required":["name","config"],"properties":{"name":{"type":"string"},)"
         R"("kind":{"enum":["webhook","slack"]},"entity_id":{"type":["string","null"]},)"
         R"("config":{"anyOf":[{"$ref":"#/components/schemas/DestinationConfig"},)"
         R"({"$ref":"#/components/schemas/SlackDestinationConfig"}]},)"
         R"("signing_secret":{"type":"string","description":"Own text or whsec_…; made when)"
         R"( absent."},"bearer_key":{"type":"string"}}})"},
        {"DestinationPatch",
         R"({"type":"object","properties":{"name":{"type":"string"},)"
         R"("entity_id":{"type":["string","null"]},"config":{"type":"object","description":)"
         R"("JSON Merge Patch (RFC 7396) of the configuration."},)"
         R"("bearer_key":{"type":["string","null"],"description":"A new key; null removes it,)"
         R"( absent or empty keeps it."},"version":{"type":"integer"}}})"},
        {"Destination",
         R"({"type":"object","required":["id","name","kind","state","config","version"],)"
         R"("properties":{"id":{"type":"string"},"name":{"type":"string"},)"
         R"("kind":{"type":"string"},"entity_id":{"type":["string","null"]},)"
         R"("state":{"enum":["enabled","paused","disabled"]},"state_reason":{"type":"string"},)"
         R"("config":{"anyOf":[{"$ref":"#/components/schemas/DestinationConfig"},)"
         R"({"$ref":"#/components/schemas/SlackDestinationConfig"}]},)"
         R"("limits_in_force":{"$ref":"#/components/schemas/LimitsInForce"},)"
         R"("signing_secret_hint":{"type":["string","null"]},)"
         R"("signing_secrets_valid":{"type":"integer"},"bearer_key_set":{"type":"boolean"},)"
         R"("signing_secret":{"type":"string","description":"Shown once, at creation and)"
         R"( rotation."},"warnings":{"type":"array","items":{"type":"string"}},)"
         R"("version":{"type":"integer"},"created_at":{"type":"string","format":"date-time"},)"
         R"("updated_at":{"type":"string","format":"date-time"}}})"},
        {"DestinationList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Destination"}},"next_cursor":{"type":["string","null"]}}})"},
    };
}

}  // namespace

RouteGroup destination_routes() {
    using http::Method;
    RouteGroup group;
    group.components = components();
    for (Component& component : destination_action_components())
        group.components.push_back(component);
    group.routes = {
        {.method = Method::post,
         .path = "/v1/destinations",
         .operation = "createDestination",
         .tag = "destinations",
         .summary = "Create a destination",
         .permission = Permission::destinations_write,
         .takes = Takes::json,
         .request = "#DestinationRequest",
         .status = 201,
         .response = "#Destination",
         .handler = create_destination},
        {.method = Method::get,
         .path = "/v1/destinations",
         .operation = "listDestinations",
         .tag = "destinations",
         .summary = "List the destinations",
         .permission = Permission::destinations_read,
         .response = "#DestinationList",
         .parameters = page_parameters(),
         .handler = list_destinations},
        {.method = Method::get,
         .path = "/v1/destinations/{destination_id}",
         .operation = "getDestination",
         .tag = "destinations",
         .summary = "Read a destination",
         .permission = Permission::destinations_read,
         .response = "#Destination",
         .handler = get_destination},
        {.method = Method::patch,
         .path = "/v1/destinations/{destination_id}",
         .operation = "patchDestination",
         .tag = "destinations",
         .summary = "Change a destination",
         .permission = Permission::destinations_write,
         .takes = Takes::json,
         .request = "#DestinationPatch",
         .response = "#Destination",
         .handler = patch_destination},
        {.method = Method::delete_,
         .path = "/v1/destinations/{destination_id}",
         .operation = "deleteDestination",
         .tag = "destinations",
         .summary = "Delete a destination; what waits for it is cancelled",
         .permission = Permission::destinations_write,
         .status = 204,
         .handler = delete_destination},
    };
    for (Route& route : destination_action_routes()) group.routes.push_back(std::move(route));
    return group;
}

}  // namespace blotter::api
