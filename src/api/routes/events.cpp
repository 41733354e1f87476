#include "api/routes/events.hpp"

#include <fmt/format.h>

#include "api/event_intake.hpp"
#include "api/helpers.hpp"
#include "store/tables/keys.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr std::size_t key_bytes_max = 255;
constexpr std::uint64_t batch_bytes_max = 16 << 20;

Result<EventRules> rules_of(Services& services, const Call& call) {
    EventRules out;
    out.workspace_no = call.workspace_no;
    out.now = call.now;
    out.directory = call.directory;
    const std::size_t metadata_max = services.settings.api.metadata_bytes_max;
    if (call.request.body.size() > metadata_max) out.metadata_bytes_max = metadata_max;
    TRY(out.metadata, services.metadata_schemas.find(call.directory, call.workspace_no));
    return out;
}

/// The key belongs to the event itself, for as long as the event is kept: intake compares it, and
/// the general store of answers is left out of the most frequent request of all.
Result<std::optional<std::string>> read_key(const Call& call) {
    const auto key = call.request.headers.find("idempotency-key");
    if (!key) return std::nullopt;
    if (key->empty() || key->size() > key_bytes_max)
        return fail(Errc::invalid_argument,
                    fmt::format("Idempotency-Key has 1 to {} characters", key_bytes_max));
    return std::string{*key};
}

/// Whether what can be made of the event here is made here, so that the one writer has less to do.
/// Files are looked up there, and what the event leaves out about them becomes part of it.
bool is_preparable(const PostedEvent& event) {
    return intake::is_preparable(event.draft) && event.draft.data.find("files") == nullptr;
}

/// Without them the writer does it all, and has a better answer when something is wrong.
OWN_FRAME runtime::Task<> load_keys(Services& services, const Call& call) {
    const auto rows = co_await store::read(
        services.loop, services.reader,
        [no = call.workspace_no](sql::Connection& db) { return store::list_data_keys(db, no); });
    if (!rows) co_return;
    [[maybe_unused]] const auto loaded = services.keys.load(call.workspace, *rows);
}

/// With an id of ours, no key and no files there is nothing that an insert could run into, and so
/// nothing that would have to be undone alone.
store::Undo undo_of(const PostedEvent& event) {
    const bool plain = !event.draft.id && !event.key && event.draft.data.find("files") == nullptr;
    return plain ? store::Undo::not_needed : store::Undo::savepoint;
}

using PostedPtr = std::unique_ptr<PostedEvent>;

Result<PostedPtr> read_posted(Services& services, Call& call) {
    TRY(EventRules rules, rules_of(services, call));
    TRY(std::optional<std::string> key, read_key(call));
    if (key) rules.hash = Hash::always;
    auto out = std::make_unique<PostedEvent>();
    TRY(*out, read_event(call.body, rules));
    out->key = std::move(key);
    return out;
}

/// What is set aside is no event yet and has no key of its own: the general store of answers has
/// it.
OWN_FRAME runtime::Task<Result<Reply>> set_aside(Services& services, Call& call, PostedPtr event) {
    co_return co_await mutate(services, call,
                              [event = std::move(event), workspace_no = call.workspace_no](
                                  store::Tx& tx, WriterSide& side) -> Result<Reply> {
                                  TRY(const Taken taken,
                                      take_event(tx, side, workspace_no, std::move(*event)));
                                  return Reply{202, answer_of(taken), {}};
                              });
}

runtime::Task<Result<Reply>> post_event(Services& services, Call& call) {
    CO_TRY(PostedPtr event, read_posted(services, call));
    if (event->suspicion) co_return co_await set_aside(services, call, std::move(event));
    const store::Undo undo = undo_of(*event);
    if (is_preparable(*event)) {
        if (services.keys.should_load(call.workspace, call.now)) co_await load_keys(services, call);
        event->prepared = intake::prepare(services.keys, services.entropy, call.directory,
                                          call.workspace_no, event->draft, call.now);
        call.body = {};
    }
    CO_TRY(const intake::Accepted accepted,
           co_await store::write(
               services.loop, services.writer,
               [&side = services.writer_side, event = std::move(event),
                workspace_no = call.workspace_no](store::Tx& tx) {
                   return accept_event(tx, side, workspace_no, std::move(*event));
               },
               undo));
    co_return Reply{202, {}, {}, answer_text(accepted)};
}

// --- Batches ---

using Items = std::vector<Result<PostedEvent>>;

Items read_items(json::Array& events, const EventRules& rules) {
    Items out;
    out.reserve(events.size());
    for (json::Value& event : events) out.push_back(read_event(event, rules));
    return out;
}

json::Value rejection(std::size_t index, const Error& error) {
    json::Object problem{{"code", to_text(error.code)}, {"detail", error.detail}};
    if (!error.pointer.empty()) problem.append("pointer", error.pointer);
    return json::Object{{"index", index}, {"status", "rejected"}, {"error", std::move(problem)}};
}

json::Value indexed(std::size_t index, json::Object answer) {
    json::Object out{{"index", index}};
    for (json::Member& member : answer) out.append(std::move(member.name), std::move(member.value));
    return out;
}

/// What is wrong with one event does not stop the others; what is wrong with the store does.
Result<Reply> take_items(store::Tx& tx, WriterSide& side, std::int64_t workspace_no, Items items) {
    json::Array results;
    results.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (!items[i]) {
            side.events.refused[items[i].error().code].add();
            results.push_back(rejection(i, items[i].error()));
            continue;
        }
        auto answer = take_event(tx, side, workspace_no, *std::move(items[i]));
        if (!answer && !is_of_the_event(answer.error().code))
            return pass(std::move(answer).error());
        if (!answer) side.events.refused[answer.error().code].add();
        results.push_back(answer ? indexed(i, answer_of(*answer)) : rejection(i, answer.error()));
    }
    return Reply{202, json::Object{{"results", std::move(results)}}, {}};
}

Result<json::Array> take_events(Services& services, Call& call) {
    json::ObjectReader in{call.body};
    const json::Array& events =
        in.array("events", static_cast<std::size_t>(services.settings.api.batch_events_max));
    if (events.empty()) in.refuse("events", "'events' must hold at least one event");
    CHECK(in.finish());
    return std::move(*call.body.as_object()->find("events")->as_array());
}

runtime::Task<Result<Reply>> post_batch(Services& services, Call& call) {
    CO_TRY(EventRules rules, rules_of(services, call));
    CO_TRY(json::Array events, take_events(services, call));
    // Checking a thousand events takes too long for a loop that others share.
    Items items = co_await runtime::offload(
        services.loop, services.offload,
        [events = std::move(events), rules]() mutable { return read_items(events, rules); });
    co_return co_await mutate(services, call,
                              [items = std::move(items), workspace_no = call.workspace_no](
                                  store::Tx& tx, WriterSide& side) mutable {
                                  return take_items(tx, side, workspace_no, std::move(items));
                              });
}

std::vector<Component> components() {
    return {
        {"EventRequest",
         R"({"type":"object","required":["type","data"],"properties":{"type":{"type":"string",)"
         R"("description":"One of GET /v1/event-types."},)"
         R"("timestamp":{"type":"string","format":"date-time","description":)"
         R"("When it happened; now when it is left out."},)"
         R"("id":{"type":"string","description":"evt_ and 26 characters: the same id again is )"
         R"(the same event."},"entity_id":{"type":"string"},"data":{"type":"object"}}})"},
        {"EventAnswer",
         R"({"type":"object","required":["status"],"properties":{"id":{"type":"string"},)"
         R"("status":{"enum":["accepted","quarantined"]},)"
         R"("accepted_at":{"type":"string","format":"date-time"},)"
         R"("deliveries":{"type":"integer"},"repeated":{"type":"boolean"},)"
         R"("quarantine_id":{"type":"string"},"reason":{"type":"string"},)"
         R"("pointer":{"type":"string"}}})"},
        {"EventBatch",
         R"({"type":"object","required":["events"],"properties":{"events":{"type":"array",)"
         R"("minItems":1,"items":{"$ref":"#/components/schemas/EventRequest"}}}})"},
        {"EventBatchAnswer",
         R"({"type":"object","required":["results"],"properties":{"results":{"type":"array",)"
         R"("items":{"type":"object","required":["index","status"],"properties":{)"
         R"("index":{"type":"integer"},"status":{"enum":["accepted","quarantined","rejected"]},)"
         R"("id":{"type":"string"},"accepted_at":{"type":"string","format":"date-time"},)"
         R"("deliveries":{"type":"integer"},"repeated":{"type":"boolean"},)"
         R"("quarantine_id":{"type":"string"},"reason":{"type":"string"},)"
         R"("pointer":{"type":"string"},"error":{"type":"object","properties":{)"
         R"("code":{"type":"string"},"detail":{"type":"string"},"pointer":{"type":"string",)"
         R"("description":"Within the event."}}}}}}}})"},
    };
}

}  // namespace

RouteGroup event_routes() {
    RouteGroup group;
    group.components = components();
    group.routes = {
        {.method = http::Method::post,
         .path = "/v1/events",
         .operation = "postEvent",
         .tag = "events",
         .summary = "Hand in an event of an application that keeps its envelopes itself",
         .permission = Permission::events_write,
         .takes = Takes::json,
         .request = "#EventRequest",
         .status = 202,
         .response = "#EventAnswer",
         .handler = post_event},
        {.method = http::Method::post,
         .path = "/v1/events/batch",
         .operation = "postEventBatch",
         .tag = "events",
         .summary = "Hand in many events at once, each with a result of its own",
         .permission = Permission::events_write,
         .takes = Takes::json,
         .request = "#EventBatch",
         .status = 202,
         .response = "#EventBatchAnswer",
         .handler = post_batch,
         .bytes_max = batch_bytes_max},
    };
    for (Route& route : event_read_routes()) group.routes.push_back(std::move(route));
    for (const Component& part : event_read_components()) group.components.push_back(part);
    return group;
}

}  // namespace blotter::api
