#include <fmt/format.h>

#include "api/destinations.hpp"
#include "api/helpers.hpp"
#include "base/json_reader.hpp"
#include "base/utf8.hpp"
#include "delivery/engine.hpp"
#include "intake/event_schemas.hpp"
#include "routing/plan.hpp"
#include "runtime/start.hpp"
#include "store/tables/alerts.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr Duration overlap_max = std::chrono::days{30};
constexpr std::size_t reason_bytes_max = 500;

// --- Pause, resume, disable ---

Result<Reply> set_state(store::Tx& tx, WriterSide& side, const Destination& before,
                        DestinationState state, std::string_view reason) {
    TRY(const SecretHints hints, hints_in(tx, side, before));
    CHECK(side.scribe.set_state(tx, before.no, state, reason));
    const routing::Directory& directory = side.directory().get();
    return Reply{200, view_of(directory.target(before.no)->destination, directory, hints), {}};
}

runtime::Task<Result<Reply>> change_state(Services& services, Call& call, DestinationState state) {
    CO_TRY(const DestinationId id, path_id<DestinationId>(call, "destination_id"));
    json::ObjectReader in{call.body};
    const std::string reason = in.text_or("reason", reason_bytes_max, "");
    CO_CHECK(in.finish());
    co_return co_await mutate(services, call,
                              [id, state, reason, workspace_no = call.workspace_no](
                                  store::Tx& tx, WriterSide& side) -> Result<Reply> {
                                  TRY(const auto target,
                                      find_target(side.directory().get(), workspace_no, id));
                                  return set_state(tx, side, target->destination, state, reason);
                              });
}

runtime::Task<Result<Reply>> pause_destination(Services& services, Call& call) {
    return change_state(services, call, DestinationState::paused);
}
runtime::Task<Result<Reply>> resume_destination(Services& services, Call& call) {
    return change_state(services, call, DestinationState::enabled);
}
runtime::Task<Result<Reply>> disable_destination(Services& services, Call& call) {
    return change_state(services, call, DestinationState::disabled);
}

// --- Rotation ---

struct Rotation {
    DestinationId id;
    std::int64_t workspace_no = 0;
    Duration overlap{};
    std::optional<security::WebhookSecret> secret;
};

Result<Rotation> read_rotation(const Call& call) {
    Rotation out;
    TRY(out.id, path_id<DestinationId>(call, "destination_id"));
    out.workspace_no = call.workspace_no;
    json::ObjectReader in{call.body};
    out.overlap = in.duration("overlap").value_or(std::chrono::hours{24});
    if (out.overlap > overlap_max)
        in.refuse("overlap", "the old secret can stay valid for 30 days at most: \"720h\"");
    const std::string text = in.text_or("signing_secret", 1'024, "");
    CHECK(in.finish());
    if (text.empty()) return out;
    auto secret = security::WebhookSecret::parse(text);
    if (!secret) return fail(Errc::invalid_argument, secret.error().detail, "/signing_secret");
    out.secret = std::move(*secret);
    return out;
}

/// The signature header has room for so many; more would not be checked by receivers anyway.
Result<> check_room(store::Tx& tx, const Destination& d, Duration overlap, Timestamp now) {
    if (overlap <= Duration::zero()) return {};
    TRY(const auto rows, store::list_destination_secrets(tx.db(), d.no, now));
    const auto valid = std::ranges::count_if(rows, [](const store::DestinationSecretRow& row) {
        return row.purpose == secret_purpose::signing;
    });
    if (static_cast<std::size_t>(valid) < signing_secrets_max) return {};
    return fail(Errc::conflict,
                fmt::format("{} secrets are valid already; wait until the overlap of an older one "
                            "is over, or rotate with \"overlap\": \"0s\" to end all of them",
                            valid));
}

Result<Reply> rotate(store::Tx& tx, WriterSide& side, Rotation wanted) {
    const Timestamp now = side.clock().wall();
    const routing::Directory& directory = side.directory().get();
    TRY(const auto before, find_target(directory, wanted.workspace_no, wanted.id));
    auto target = std::make_shared<routing::Target>(*before);
    Destination& d = target->destination;
    CHECK(check_room(tx, d, wanted.overlap, now));
    if (!wanted.secret) wanted.secret = security::WebhookSecret::generate_hmac(side.random);
    const std::string_view text = wanted.secret->text().expose_text();
    TRY(const std::int64_t no,
        write_secret(tx, side.keys(), owner_of(side, d), secret_purpose::signing, text, now));
    CHECK(store::expire_destination_secrets(
        tx.db(), {d.no, secret_purpose::signing, no, now + wanted.overlap}));
    // A change of the destination itself, so that every loop forgets what it signed with.
    d.updated_at = now;
    TRY(const store::DestinationRow row, row_of(tx, side, d));
    TRY(const auto applied, store::update_destination(tx.db(), row));
    if (applied == store::Applied::no)
        return fail(Errc::conflict, "the destination was changed meanwhile; try again");
    ++d.version;
    TRY(const SecretHints hints, hints_in(tx, side, d));
    json::Value view = view_of(d, directory, hints);
    view.as_object()->append("signing_secret", text);
    view.as_object()->append("previous_valid_until", to_rfc3339(now + wanted.overlap));
    CHECK(side.intake.note(
        tx, d.workspace_no, ledger::LeafKind::secret_rotated,
        {{"dst", d.id.text()}, {"overlap_ms", static_cast<std::int64_t>(wanted.overlap.count())}}));
    side.directory().change(tx, directory.with(routing::TargetPtr{std::move(target)}));
    return Reply{200, std::move(view), {}};
}

runtime::Task<Result<Reply>> rotate_secret(Services& services, Call& call) {
    CO_TRY(Rotation wanted, read_rotation(call));
    co_return co_await mutate(
        services, call, [wanted = std::move(wanted)](store::Tx& tx, WriterSide& side) mutable {
            return rotate(tx, side, std::move(wanted));
        });
}

// --- Test ---

/// Names of files that do not exist: so there are links as in a real event, which lead to nothing.
void name_files(Services& services, connectors::EventFacts& facts) {
    json::Value* files = facts.data.as_object()->find("files");
    if (files == nullptr) return;
    for (json::Member& member : *files->as_object())
        member.value.as_object()->set("file_id",
                                      services.entropy.id<FileId>(facts.accepted_at).text());
}

connectors::EventFacts simulated_event(Services& services, const Call& call, EventType type) {
    connectors::EventFacts facts;
    facts.id = services.entropy.id<EventId>(call.now);
    facts.type = type;
    facts.occurred_at = call.now;
    facts.accepted_at = call.now;
    facts.workspace_no = call.workspace_no;
    facts.workspace_id = call.workspace.text();
    facts.data = intake::example_of(type);
    facts.data.as_object()->set("test", true);
    name_files(services, facts);
    return facts;
}

/// "POST /hook HTTP/1.1", then one field per line.
json::Value view_of_request(const Destination& destination, std::string_view head,
                            std::string body) {
    json::Object headers;
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
        const std::size_t begin = at + 2;
        at = head.find("\r\n", begin);
        if (at == std::string_view::npos) break;
        const std::string_view line = head.substr(begin, at - begin);
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos) continue;
        headers.set(line.substr(0, colon), line.substr(colon + 2));
    }
    return json::Object{{"method", "POST"},
                        {"url", destination.webhook.url},
                        {"headers", std::move(headers)},
                        {"body", std::move(body)}};
}

json::Value view_of_answer(const Attempt& attempt) {
    if (!attempt.status) return nullptr;
    json::Object out;
    out.append("status", *attempt.status);
    out.append("content_type", attempt.answer_type);
    if (find_invalid_utf8(attempt.answer))
        out.append("body_base64", to_base64(as_bytes(attempt.answer)));
    else
        out.append("body", attempt.answer);
    out.append("cut", attempt.answer_cut);
    return out;
}

json::Value view_of_trial(const connectors::AttemptRequest& request, std::string body,
                          const connectors::AttemptReport& report, Timestamp now) {
    const delivery::Outcome outcome = delivery::judge(report, now);
    const bool success = outcome.kind() == delivery::OutcomeKind::success;
    json::Object out;
    out.append("event_id", request.event->id.text());
    out.append("request",
               view_of_request(request.target->destination,
                               report.attempt.request_headers(request.event->id), std::move(body)));
    out.append("answer", view_of_answer(report.attempt));
    out.append("outcome", delivery::to_text(outcome.code));
    out.append("error", success ? json::Value{} : json::Value{outcome.words});
    out.append("took_ms",
               json::Number{fmt::format(
                   "{:.3f}", static_cast<double>(report.attempt.took.count()) / 1000.0)});
    out.append("address", text_or_null(report.attempt.address));
    out.append("tls_version", text_or_null(report.attempt.tls_version));
    out.append("verified_reference", text_or_null(report.attempt.reference));
    return out;
}

/// Of a kind whose request is nobody's to see: what came of it.
json::Value view_of_post(const connectors::AttemptRequest& request,
                         const connectors::AttemptReport& report, Timestamp now) {
    const delivery::Outcome outcome = delivery::judge(report, now);
    const bool success = outcome.kind() == delivery::OutcomeKind::success;
    json::Object out;
    out.append("event_id", request.event->id.text());
    out.append("request", nullptr);
    out.append("answer", nullptr);
    out.append("outcome", delivery::to_text(outcome.code));
    out.append("error", success ? json::Value{} : json::Value{outcome.words});
    out.append("took_ms",
               json::Number{fmt::format(
                   "{:.3f}", static_cast<double>(report.attempt.took.count()) / 1000.0)});
    out.append("address", text_or_null(report.attempt.address));
    out.append("tls_version", text_or_null(report.attempt.tls_version));
    out.append("verified_reference", nullptr);
    return out;
}

runtime::Task<Result<Reply>> test_destination(Services& services, Call& call) {
    CO_TRY(const DestinationId id, path_id<DestinationId>(call, "destination_id"));
    json::ObjectReader in{call.body};
    const std::string name = in.text("event_type", 64);
    CO_CHECK(in.finish());
    const auto type = parse_event_type(name);
    if (!type)
        co_return fail(Errc::invalid_argument,
                       fmt::format("'{}' is no event type; GET /v1/event-types has the list", name),
                       "/event_type");
    connectors::AttemptRequest request;
    CO_TRY(request.target, find_target(*call.directory, call.workspace_no, id));
    request.event =
        std::make_shared<const connectors::EventFacts>(simulated_event(services, call, *type));
    request.started_at = call.now;
    const Destination& destination = request.target->destination;
    const connectors::Links links{
        .url = [&](const FileId& file) { return services.links.url({0, destination.no, file}); },
        .expires_at = call.now + services.settings.links.lifetime};
    if (destination.kind != "webhook") {
        delivery::Engine& owner = services.hub.engine_of(destination.no);
        const connectors::ReportPtr report =
            co_await runtime::run_on(owner.loop().executor(), owner.try_out(request));
        co_return Reply{200, view_of_post(request, *report, services.loop.clock().wall()), {}};
    }
    std::string body = connectors::render_body(*request.event, destination.webhook.format,
                                               destination.webhook.aliases, links);
    delivery::Engine& engine = services.hub.engine_of(destination.no);
    const connectors::ReportPtr report =
        co_await runtime::run_on(engine.loop().executor(), engine.try_out(request));
    co_return Reply{
        200, view_of_trial(request, std::move(body), *report, services.loop.clock().wall()), {}};
}

// --- Explain ---

json::Value view_of(const expression::Explanation& explanation) {
    json::Array steps;
    for (const expression::ExplainStep& step : explanation.steps)
        steps.push_back(json::Object{{"depth", static_cast<std::uint64_t>(step.depth)},
                                     {"offset", static_cast<std::uint64_t>(step.offset)},
                                     {"text", step.text},
                                     {"origin", text_or_null(step.origin)},
                                     {"value", step.value},
                                     {"failed", step.failed}});
    return steps;
}

struct Example {
    EventType type = EventType::source_unknown;
    Timestamp occurred_at;
    std::vector<std::int64_t> entity_nos;
    json::Value data;
};

runtime::Task<Result<Example>> stored_example(Services& services, Call& call, EventId id) {
    if (!call.may(Permission::payload_read))
        co_return fail(Errc::forbidden,
                       "explaining a stored event shows what is in it: this needs the permission "
                       "payload:read");
    CO_TRY(const intake::SealedEvent sealed,
           co_await store::read(
               services.loop, services.reader,
               [id, no = call.workspace_no](sql::Connection& db) -> Result<intake::SealedEvent> {
                   TRY(const auto row, store::find_event(db, no, id));
                   if (!row)
                       return fail(Errc::invalid_argument, "there is no such event", "/event_id");
                   return intake::load_sealed_event(db, row->seq);
               }));
    CO_TRY(connectors::EventFacts facts, intake::open_event(services.keys, call.workspace, sealed));
    co_return Example{facts.type, facts.occurred_at, sealed.row.entity_nos, std::move(facts.data)};
}

Result<Example> given_example(const Call& call, const json::Value& event) {
    json::ObjectReader in{event, "/event"};
    const std::string name = in.text("type", 64);
    const json::Value data = in.object("data");
    CHECK(in.finish());
    const auto type = parse_event_type(name);
    if (!type)
        return fail(Errc::invalid_argument, fmt::format("'{}' is no event type", name),
                    "/event/type");
    Example out;
    out.type = *type;
    out.occurred_at = call.now;
    out.data = data.is_null() ? json::Value{json::Object{}} : data;
    out.entity_nos =
        routing::entities_in_metadata(*call.directory, call.workspace_no, out.data).nos;
    return out;
}

/// The target with another filter, to try one before it is saved.
Result<routing::TargetPtr> with_filter(const routing::TargetPtr& target,
                                       const DeliveryDefaults& defaults, std::string filter) {
    Destination destination = target->destination;
    destination.filter = std::move(filter);
    auto made = routing::make_target(std::move(destination), defaults);
    if (!made) return fail(made.error().code, made.error().detail, "/filter");
    return made;
}

json::Value explain(const routing::Target& target, const Example& example) {
    const routing::Subject subject{target.destination.workspace_no, example.type,
                                   example.occurred_at, &example.entity_nos, &example.data};
    const Destination& d = target.destination;
    const bool type_wanted = d.types.contains(example.type);
    const bool in_scope = !d.entity_no || std::ranges::find(example.entity_nos, *d.entity_no) !=
                                              example.entity_nos.end();
    const expression::Match match = routing::filter_match(target, subject);
    json::Object out;
    out.append("filter", d.filter);
    out.append("taken", type_wanted && in_scope && match.matched);
    out.append("event_type_wanted", type_wanted);
    out.append("entity_in_scope", in_scope);
    out.append("filter_matched", match.matched);
    out.append("problem", text_or_null(match.problem));
    if (!target.filter) {
        out.append("steps", json::Array{});
        out.append("truncated", false);
        return out;
    }
    const expression::Explanation explanation = routing::explain_filter(target, subject);
    out.append("steps", view_of(explanation));
    out.append("truncated", explanation.truncated);
    return out;
}

runtime::Task<Result<Reply>> explain_filter(Services& services, Call& call) {
    CO_TRY(const DestinationId id, path_id<DestinationId>(call, "destination_id"));
    json::ObjectReader in{call.body};
    const std::string event_id = in.text_or("event_id", 64, "");
    const json::Value event = in.object("event");
    const bool other_filter = in.has("filter");
    std::string filter = in.text_or("filter", filter_bytes_max, "");
    if (event_id.empty() == event.is_null())
        in.refuse("event_id", "give either 'event_id' or 'event' with type and data");
    CO_CHECK(in.finish());
    CO_TRY(routing::TargetPtr target, find_target(*call.directory, call.workspace_no, id));
    if (other_filter) {
        CO_TRY(target, with_filter(target, call.directory->defaults(), std::move(filter)));
    }
    Example example;
    if (!event.is_null()) {
        CO_TRY(example, given_example(call, event));
    } else {
        const auto parsed = EventId::parse(event_id);
        if (!parsed) co_return fail(Errc::invalid_argument, parsed.error().detail, "/event_id");
        CO_TRY(example, co_await stored_example(services, call, *parsed));
    }
    co_return Reply{200, explain(*target, example), {}};
}

Route action(std::string_view path, std::string_view operation, std::string_view summary,
             Handler handler) {
    return {.method = http::Method::post,
            .path = path,
            .operation = operation,
            .tag = "destinations",
            .summary = summary,
            .permission = Permission::destinations_write,
            .takes = Takes::json,
            .request = "#StateChange",
            .response = "#Destination",
            .handler = handler};
}

}  // namespace

std::vector<Component> destination_action_components() {
    return {
        {"StateChange",
         R"({"type":"object","properties":{"reason":{"type":"string","maxLength":500}}})"},
        {"SecretRotation",
         R"({"type":"object","properties":{"overlap":{"type":"string","description":"How long the)"
         R"( old secrets stay valid: \"0s\" to \"720h\". Default: 24h."},)"
         R"("signing_secret":{"type":"string"}}})"},
        {"TestRequest", R"({"type":"object","required":["event_type"],"properties":)"
                        R"({"event_type":{"type":"string"}}})"},
        {"TestResult",
         R"({"type":"object","properties":{"event_id":{"type":"string"},)"
         R"("request":{"type":"object","properties":{"method":{"type":"string"},)"
         R"("url":{"type":"string"},"headers":{"type":"object"},"body":{"type":"string"}}},)"
         R"("answer":{"type":["object","null"],"properties":{"status":{"type":"integer"},)"
         R"("content_type":{"type":"string"},"body":{"type":"string"},)"
         R"("body_base64":{"type":"string"},"cut":{"type":"boolean"}}},)"
         R"("outcome":{"type":"string"},"error":{"type":["string","null"]},)"
         R"("took_ms":{"type":"number"},"address":{"type":["string","null"]},)"
         R"("tls_version":{"type":["string","null"]},)"
         R"("verified_reference":{"type":["string","null"]}}})"},
        {"ExplainRequest",
         R"({"type":"object","properties":{"event_id":{"type":"string"},"event":{"type":"object",)"
         R"("required":["type"],"properties":{"type":{"type":"string"},"data":{"type":"object"}}},)"
         R"("filter":{"type":"string","description":"Another filter, tried without saving it."}}})"},
        {"Explanation",
         R"({"type":"object","properties":{"filter":{"type":"string"},)"
         R"("taken":{"type":"boolean"},"event_type_wanted":{"type":"boolean"},)"
         R"("entity_in_scope":{"type":"boolean"},"filter_matched":{"type":"boolean"},)"
         R"("problem":{"type":["string","null"]},"steps":{"type":"array","items":)"
         R"({"type":"object"}},"truncated":{"type":"boolean"}}})"},
    };
}

std::vector<Route> destination_action_routes() {
    std::vector<Route> out{
        action("/v1/destinations/{destination_id}/pause", "pauseDestination",
               "Pause a destination: its events are held", pause_destination),
        action("/v1/destinations/{destination_id}/resume", "resumeDestination",
               "Enable a destination again and send what was held", resume_destination),
        action("/v1/destinations/{destination_id}/disable", "disableDestination",
               "Disable a destination: its events are held", disable_destination),
        action("/v1/destinations/{destination_id}/rotate-secret", "rotateDestinationSecret",
               "Give a new signing secret; the old one stays valid for a while", rotate_secret),
        action("/v1/destinations/{destination_id}/test", "testDestination",
               "Send a simulated event now and show request, answer and time", test_destination),
        action("/v1/destinations/{destination_id}/explain-filter", "explainDestinationFilter",
               "Show what the filter says of an event, step by step", explain_filter),
    };
    out[3].permission = Permission::secrets_write;
    out[3].request = "#SecretRotation";
    out[4].request = "#TestRequest";
    out[4].response = "#TestResult";
    out[5].permission = Permission::destinations_read;
    out[5].request = "#ExplainRequest";
    out[5].response = "#Explanation";
    return out;
}

}  // namespace blotter::api
