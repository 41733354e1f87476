#include <algorithm>

#include <fmt/format.h>

#include "api/delivery_view.hpp"
#include "api/helpers.hpp"
#include "api/routes/events.hpp"
#include "intake/event_schemas.hpp"
#include "store/tables/delivery_list.hpp"
#include "store/tables/destinations.hpp"
#include "store/tables/documents.hpp"
#include "store/tables/envelope_ids.hpp"
#include "store/tables/envelopes.hpp"
#include "store/tables/events.hpp"

namespace blotter::api {
namespace {

using security::Permission;

/// What is shown of an event without its payload.
struct EventFacts {
    store::EventRow row;
    std::optional<EnvelopeId> envelope;
    std::optional<DocumentId> document;
    std::optional<Timestamp> erased_at;

    /// Whose data it holds.
    Uuid subject() const {
        return envelope ? envelope->value : document ? document->value : row.id.value;
    }
};

/// The row with the names of what it belongs to.
Result<EventFacts> facts_of(sql::Connection& db, store::EventRow row) {
    EventFacts out;
    if (row.envelope_no) {
        TRY(out.envelope, store::load_envelope_id(db, *row.envelope_no));
    }
    if (row.document_no) {
        TRY(out.document, store::load_document_id(db, *row.document_no));
    }
    out.row = std::move(row);
    return out;
}

json::Object view_of(const EventFacts& event, const Call& call) {
    const store::EventRow& row = event.row;
    json::Array entities;
    for (const std::int64_t no : row.entity_nos)
        if (const auto* entity = call.directory->entity(call.workspace_no, no))
            entities.emplace_back(entity->id.text());
    json::Object out;
    out.append("id", row.id.text());
    out.append("type", to_text(row.type));
    out.append("timestamp", to_rfc3339(row.occurred_at));
    out.append("accepted_at", to_rfc3339(row.accepted_at));
    if (event.envelope) out.append("envelope_id", event.envelope->text());
    if (event.document) out.append("document_id", event.document->text());
    out.append("entity_ids", std::move(entities));
    out.append("deliveries", static_cast<std::uint64_t>(row.plan.destination_nos.size()));
    out.append("leaf", row.leaf);
    if (event.erased_at) {
        out.append("erased", true);
        out.append("erased_at", to_rfc3339(*event.erased_at));
    }
    return out;
}

std::unexpected<Error> no_such_event() {
    return fail(Errc::not_found, "there is no such event in this workspace");
}

// --- Lists ---

struct EventQuery {
    store::EventFilter filter;
    std::optional<EnvelopeId> envelope;
    std::optional<DocumentId> document;
    store::PageOptions page;
};

Result<EventQuery> read_query(Services& services, const Call& call) {
    EventQuery out;
    out.filter.workspace_no = call.workspace_no;
    if (const std::string* name = call.query.find("type")) {
        const auto type = parse_event_type(*name);
        if (!type)
            return fail(Errc::invalid_argument,
                        fmt::format("'{}' is not the name of an event; GET /v1/event-types has the "
                                    "list",
                                    *name),
                        "/query/type");
        out.filter.types.emplace().add(*type);
    }
    TRY(out.envelope, query_id<EnvelopeId>(call, "envelope_id"));
    TRY(out.document, query_id<DocumentId>(call, "document_id"));
    TRY(const auto entity, query_id<EntityId>(call, "entity_id"));
    if (entity) {
        const auto* known = call.directory->entity(call.workspace_no, *entity);
        if (known == nullptr)
            return fail(Errc::invalid_argument, "there is no such entity in this workspace",
                        "/query/entity_id");
        out.filter.entity_no = known->no;
    }
    TRY(out.filter.from, query_time(call, "from"));
    TRY(out.filter.until, query_time(call, "until"));
    TRY(const PageQuery page, read_page(services, call, "listEvents"));
    out.page = page.page;
    return out;
}

struct EventPage {
    std::vector<EventFacts> events;
    std::optional<std::int64_t> next;
};

Result<EventPage> load_page(sql::Connection& db, EventQuery query) {
    EventPage out;
    if (query.envelope) {
        TRY(query.filter.envelope_no,
            store::find_envelope_no(db, query.filter.workspace_no, *query.envelope));
        if (!query.filter.envelope_no)
            return fail(Errc::invalid_argument, "there is no such envelope in this workspace",
                        "/query/envelope_id");
    }
    if (query.document) {
        TRY(const auto document,
            store::find_document(db, query.filter.workspace_no, *query.document));
        if (!document)
            return fail(Errc::invalid_argument, "there is no such document in this workspace",
                        "/query/document_id");
        query.filter.document_no = document->no;
    }
    TRY(auto page, store::list_events(db, query.filter, query.page, store::Payload::skip));
    out.next = page.next;
    for (store::EventRow& row : page.rows) {
        TRY(EventFacts event, facts_of(db, std::move(row)));
        TRY(const auto key, store::find_subject_key(db, event.row.workspace_no, event.subject()));
        if (key) event.erased_at = key->destroyed_at;
        out.events.push_back(std::move(event));
    }
    return out;
}

runtime::Task<Result<Reply>> list_events(Services& services, Call& call) {
    CO_TRY(const EventQuery query, read_query(services, call));
    CO_TRY(const EventPage page,
           co_await store::read(services.loop, services.reader,
                                [query](sql::Connection& db) { return load_page(db, query); }));
    json::Array data;
    for (const EventFacts& event : page.events) data.push_back(view_of(event, call));
    co_return Reply{200, make_list(services, call, "listEvents", std::move(data), page.next), {}};
}

// --- One event ---

struct FoundEvent {
    EventFacts facts;
    intake::SealedEvent sealed;
};

Result<FoundEvent> load_event(sql::Connection& db, std::int64_t workspace_no, const EventId& id) {
    TRY(auto row, store::find_event(db, workspace_no, id));
    if (!row) return no_such_event();
    FoundEvent out;
    TRY(out.sealed, intake::load_sealed_event(db, row->seq));
    TRY(out.facts, facts_of(db, *std::move(row)));
    if (out.sealed.key) out.facts.erased_at = out.sealed.key->destroyed_at;
    return out;
}

runtime::Task<Result<Reply>> get_event(Services& services, Call& call) {
    CO_TRY(const EventId id, path_id<EventId>(call, "event_id"));
    CO_TRY(const FoundEvent found,
           co_await store::read(services.loop, services.reader,
                                [id, workspace_no = call.workspace_no](sql::Connection& db) {
                                    return load_event(db, workspace_no, id);
                                }));
    json::Object out = view_of(found.facts, call);
    if (!call.may(Permission::payload_read)) co_return Reply{200, std::move(out), {}};
    auto opened = intake::open_event(services.keys, call.workspace, found.sealed);
    if (opened)
        out.append("data", std::move(opened->data));
    else if (opened.error().code != Errc::gone)
        co_return pass(std::move(opened).error());
    co_return Reply{200, std::move(out), {}};
}

// --- Its deliveries ---

struct EventDeliveries {
    std::vector<DeliveryFacts> rows;
    std::vector<DestinationId> pending;  ///< planned, and nothing is on record yet
    std::optional<std::int64_t> next;
};

Result<std::vector<DestinationId>> load_pending(sql::Connection& db, const store::EventRow& event,
                                                const routing::Directory& directory) {
    std::vector<DestinationId> out;
    TRY(const auto owed, store::list_owed_of(db, event));
    for (const store::OwedDelivery& one : owed) {
        const std::int64_t no = one.destination_no;
        if (const auto target = directory.target(no)) {
            out.push_back(target->destination.id);
            continue;
        }
        TRY(const auto deleted, store::load_destination(db, no));
        if (deleted) out.push_back(deleted->id);
    }
    return out;
}

Result<EventDeliveries> load_deliveries(sql::Connection& db, const EventId& id,
                                        store::DeliveryFilter filter,
                                        const store::PageOptions& page,
                                        const routing::Directory& directory) {
    TRY(const auto event, store::find_event(db, filter.workspace_no, id));
    if (!event) return no_such_event();
    filter.event_seq = event->seq;
    EventDeliveries out;
    TRY(auto rows, store::list_deliveries(db, filter, page));
    out.next = rows.next;
    TRY(out.rows, with_names(db, std::move(rows.rows), directory));
    if (page.after != 0) return out;
    TRY(out.pending, load_pending(db, *event, directory));
    return out;
}

runtime::Task<Result<Reply>> list_event_deliveries(Services& services, Call& call) {
    CO_TRY(const EventId id, path_id<EventId>(call, "event_id"));
    CO_TRY(const PageQuery page, read_page(services, call, "listEventDeliveries"));
    CO_TRY(EventDeliveries found,
           co_await store::read(services.loop, services.reader,
                                [id, page = page.page, directory = call.directory,
                                 workspace_no = call.workspace_no](sql::Connection& db) {
                                    store::DeliveryFilter filter;
                                    filter.workspace_no = workspace_no;
                                    return load_deliveries(db, id, filter, page, *directory);
                                }));
    show_circuits(services.hub, found.rows);
    json::Array data;
    for (const DestinationId& destination : found.pending)
        data.push_back(json::Object{{"event_id", id.text()},
                                    {"destination_id", destination.text()},
                                    {"state", "pending"},
                                    {"attempts", 0}});
    for (const DeliveryFacts& delivery : found.rows) data.push_back(view_of(delivery));
    co_return Reply{
        200, make_list(services, call, "listEventDeliveries", std::move(data), found.next), {}};
}

// --- Types ---

json::Value view_of(EventType type) {
    json::Object out;
    out.append("type", to_text(type));
    if (alias_of(type) != to_text(type)) out.append("alias", alias_of(type));
    out.append("meaning", intake::meaning_of(type));
    out.append("schema", intake::schema_of(type));
    out.append("example", intake::example_of(type));
    return out;
}

/// The same for everybody and for ever: made once.
const json::Value& all_types() {
    static const json::Value made = [] {
        json::Array data;
        for (const EventType type : all_event_types()) data.push_back(view_of(type));
        return json::Value{json::Object{{"data", std::move(data)}}};
    }();
    return made;
}

runtime::Task<Result<Reply>> list_event_types(Services&, Call&) {
    co_return Reply{200, all_types(), {}};
}

runtime::Task<Result<Reply>> get_event_type(Services&, Call& call) {
    const auto type = parse_event_type(call.path.get("type"));
    if (!type) co_return fail(Errc::not_found, "there is no event type of this name");
    co_return Reply{200, view_of(*type), {}};
}

}  // namespace

std::vector<Route> event_read_routes() {
    using http::Method;
    return {
        {.method = Method::get,
         .path = "/v1/events",
         .operation = "listEvents",
         .tag = "events",
         .summary = "List accepted events, newest first, without their payloads",
         .permission = Permission::events_read,
         .response = "#EventList",
         .parameters = page_parameters({{"type", "Only those of this type"},
                                        {"envelope_id", "Only those of this envelope"},
                                        {"document_id", "Only those of this document"},
                                        {"entity_id", "Only those that concern this entity"},
                                        {"from", "Accepted at this time or later"},
                                        {"until", "Accepted before this time"}}),
         .handler = list_events},
        {.method = Method::get,
         .path = "/v1/events/{event_id}",
         .operation = "getEvent",
         .tag = "events",
         .summary = "Read an event; its data only with the permission payload:read",
         .permission = Permission::events_read,
         .response = "#Event",
         .handler = get_event},
        {.method = Method::get,
         .path = "/v1/events/{event_id}/deliveries",
         .operation = "listEventDeliveries",
         .tag = "events",
         .summary = "List where an event went and what became of it",
         .permission = Permission::deliveries_read,
         .response = "#EventDeliveryList",
         .parameters = page_parameters(),
         .handler = list_event_deliveries},
        {.method = Method::get,
         .path = "/v1/event-types",
         .operation = "listEventTypes",
         .tag = "events",
         .summary = "List the event types with the JSON Schema and an example of their data",
         .permission = Permission::events_read,
         .response = "#EventTypeList",
         .handler = list_event_types},
        {.method = Method::get,
         .path = "/v1/event-types/{type}",
         .operation = "getEventType",
         .tag = "events",
         .summary = "Read one event type, by its name or its alias",
         .permission = Permission::events_read,
         .response = "#EventType",
         .handler = get_event_type},
    };
}

std::vector<Component> event_read_components() {
    return {
        {"Event",
         R"({"type":"object","required":["id","type","timestamp","accepted_at"],"properties":{)"
         R"("id":{"type":"string"},"type":{"type":"string"},)"
         R"("timestamp":{"type":"string","format":"date-time"},)"
         R"("accepted_at":{"type":"string","format":"date-time"},)"
         R"("envelope_id":{"type":"string"},"document_id":{"type":"string"},"entity_ids":{"type":"array","items":)"
         R"({"type":"string"}},"deliveries":{"type":"integer","description":)"
         R"("How many destinations it was planned for."},"leaf":{"type":"integer",)"
         R"("description":"Its index in the workspace's ledger."},"data":{"type":"object"},)"
         R"("erased":{"type":"boolean","description":"The data was erased; the proof holds."},)"
         R"("erased_at":{"type":"string","format":"date-time"}}})"},
        {"EventList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Event"}},"next_cursor":{"type":["string","null"]}}})"},
        {"EventDeliveryList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Delivery"}},"next_cursor":{"type":["string","null"]}}})"},
        {"EventType",
         R"({"type":"object","required":["type","meaning","schema","example"],"properties":{)"
         R"("type":{"type":"string"},"alias":{"type":"string"},"meaning":{"type":"string"},)"
         R"("schema":{"type":"object"},"example":{"type":"object"}}})"},
        {"EventTypeList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                          R"({"$ref":"#/components/schemas/EventType"}}}})"},
    };
}

}  // namespace blotter::api
