#include <fmt/format.h>

#include "api/delivery_view.hpp"
#include "api/helpers.hpp"
#include "api/replay_runner.hpp"
#include "api/replays.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/delivery_list.hpp"
#include "store/tables/destinations.hpp"
#include "store/tables/events.hpp"

namespace blotter::api {
namespace {

using security::Permission;

// --- Reading ---

struct ListQuery {
    store::DeliveryFilter filter;
    std::optional<EventId> event;
    std::optional<DestinationId> destination;
    PageQuery page;
};

Result<ListQuery> read_query(Services& services, const Call& call) {
    ListQuery out;
    TRY(out.page, read_page(services, call, "listDeliveries"));
    out.filter.workspace_no = call.workspace_no;
    TRY(out.event, query_id<EventId>(call, "event_id"));
    TRY(out.destination, query_id<DestinationId>(call, "destination_id"));
    TRY(out.filter.from, query_time(call, "from"));
    TRY(out.filter.until, query_time(call, "until"));
    if (const std::string* state = call.query.find("state")) {
        out.filter.state = parse_delivery_state(*state);
        if (!out.filter.state)
            return fail(Errc::invalid_argument,
                        "'state' is queued, retrying, held, delivered, failed or cancelled",
                        "/query/state");
    }
    return out;
}

struct Listed {
    std::vector<DeliveryFacts> rows;
    std::optional<std::int64_t> next;
};

Result<Listed> list(sql::Connection& db, ListQuery query, const routing::Directory& directory) {
    if (query.event) {
        TRY(const auto event, store::find_event(db, query.filter.workspace_no, *query.event));
        if (!event) return Listed{};
        query.filter.event_seq = event->seq;
    }
    if (query.destination) {
        // From the store: what was sent to a destination is on record after it was deleted, too.
        TRY(const auto destination,
            store::find_any_destination(db, query.filter.workspace_no, *query.destination));
        if (!destination) return Listed{};
        query.filter.destination_no = destination->no;
    }
    TRY(auto page, store::list_deliveries(db, query.filter, query.page.page));
    Listed out{{}, page.next};
    TRY(out.rows, with_names(db, std::move(page.rows), directory));
    return out;
}

runtime::Task<Result<Reply>> list_deliveries(Services& services, Call& call) {
    CO_TRY(const ListQuery query, read_query(services, call));
    CO_TRY(Listed found,
           co_await store::read(services.loop, services.reader,
                                [query, directory = call.directory](sql::Connection& db) {
                                    return list(db, query, *directory);
                                }));
    show_circuits(services.hub, found.rows);
    json::Array data;
    for (const DeliveryFacts& delivery : found.rows) data.push_back(view_of(delivery));
    co_return Reply{
        200, make_list(services, call, "listDeliveries", std::move(data), found.next), {}};
}

struct Shown {
    DeliveryFacts delivery;
    std::vector<store::AttemptRow> attempts;
};

Result<Shown> show(sql::Connection& db, const DeliveryId& id, std::int64_t workspace_no,
                   const routing::Directory& directory) {
    TRY(auto row, store::find_delivery(db, workspace_no, id));
    if (!row) return fail(Errc::not_found, "there is no such delivery in this workspace");
    Shown out;
    TRY(out.attempts, store::list_attempts(db, row->no));
    TRY(auto named, with_names(db, {std::move(*row)}, directory));
    out.delivery = std::move(named.front());
    return out;
}

runtime::Task<Result<Reply>> get_delivery(Services& services, Call& call) {
    CO_TRY(const DeliveryId id, path_id<DeliveryId>(call, "delivery_id"));
    CO_TRY(const Shown shown,
           co_await store::read(services.loop, services.reader,
                                [id, no = call.workspace_no, directory = call.directory](
                                    sql::Connection& db) { return show(db, id, no, *directory); }));
    const auto excerpts = call.may(Permission::payload_read) ? Excerpts::show : Excerpts::hide;
    std::vector<DeliveryFacts> one{shown.delivery};
    show_circuits(services.hub, one);
    json::Value view = view_of(one.front());
    json::Array attempts;
    for (const store::AttemptRow& attempt : shown.attempts)
        attempts.push_back(view_of(attempt, excerpts));
    view.as_object()->append("attempts_log", std::move(attempts));
    co_return Reply{200, std::move(view), {}};
}

// --- Changing ---

/// Inside a transaction, with the state as it is there.
Result<json::Value> view_in(store::Tx& tx, WriterSide& side, std::int64_t delivery_no) {
    TRY(auto row, store::load_delivery(tx.db(), delivery_no));
    if (!row) return fail(Errc::corrupt, "a delivery that was just written is missing");
    TRY(const auto named, with_names(tx.db(), {std::move(*row)}, side.directory().get()));
    return view_of(named.front());
}

Result<store::DeliveryRow> find_in(store::Tx& tx, std::int64_t workspace_no, const DeliveryId& id) {
    TRY(auto row, store::find_delivery(tx.db(), workspace_no, id));
    if (!row) return fail(Errc::not_found, "there is no such delivery in this workspace");
    return std::move(*row);
}

Result<> check_replayable(const routing::Directory& directory, const store::DeliveryRow& row) {
    if (!directory.target(row.destination_no))
        return fail(Errc::conflict, "the destination was deleted; nothing can be sent to it");
    const bool on_its_way =
        row.state == store::DeliveryState::queued || row.state == store::DeliveryState::retrying;
    if (!on_its_way) return {};
    return fail(Errc::conflict,
                fmt::format("the delivery is on its way: the next attempt is due at {}; cancel it "
                            "first to send it anew",
                            row.next_at ? to_rfc3339(*row.next_at) : "any moment"));
}

Result<Reply> replay_one(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                         const store::DeliveryRow& row, const std::string& by) {
    CHECK(check_replayable(side.directory().get(), row));
    TRY(const auto event, store::load_event(tx.db(), row.event_seq, store::Payload::skip));
    if (!event) return fail(Errc::gone, "the event is no longer kept");
    TRY(const auto erased, intake::erased_at(tx.db(), *event));
    if (erased) return fail(Errc::gone, "the event's data was erased; there is nothing to send");
    store::ReplayRow replay;
    replay.created_at = side.clock().wall();
    replay.id = side.entropy().id<ReplayId>(replay.created_at);
    replay.workspace_no = row.workspace_no;
    replay.destination_no = row.destination_no;
    replay.filter = json::to_text(json::Object{{"delivery_id", row.id.text()}});
    replay.created_by = by;
    replay.total = replay.done = 1;
    replay.state = store::ReplayState::done;
    TRY(const std::int64_t replay_no, store::insert_replay(tx.db(), replay));
    const ReplayItem item{row.event_seq, row.destination_no, row.no, event->order()};
    CHECK(write_replayed(tx, side, hub, {replay_no, row.workspace_no}, {item}));
    TRY(const auto made,
        store::load_delivery_at(tx.db(), {row.event_seq, row.destination_no, replay_no}));
    if (!made) return fail(Errc::internal, "the replayed delivery was not written");
    TRY(json::Value view, view_in(tx, side, made->no));
    view.as_object()->append("replay_id", replay.id.text());
    return Reply{202, std::move(view), {}};
}

runtime::Task<Result<Reply>> replay_delivery(Services& services, Call& call) {
    CO_TRY(const DeliveryId id, path_id<DeliveryId>(call, "delivery_id"));
    co_return co_await mutate(
        services, call,
        [id, no = call.workspace_no, by = call.principal.name, &hub = services.hub](
            store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(const store::DeliveryRow row, find_in(tx, no, id));
            return replay_one(tx, side, hub, row, by);
        });
}

Result<Reply> cancel(store::Tx& tx, WriterSide& side, const store::DeliveryRow& row) {
    if (store::is_final(row.state) && row.state != store::DeliveryState::cancelled)
        return fail(Errc::conflict,
                    fmt::format("the delivery is over: it is {}", to_text(row.state)));
    if (row.state != store::DeliveryState::cancelled)
        CHECK(store::change_delivery(
            tx.db(), {row.no, row.state, store::DeliveryState::cancelled, {}, "cancelled"}));
    TRY(json::Value view, view_in(tx, side, row.no));
    return Reply{200, std::move(view), {}};
}

runtime::Task<Result<Reply>> cancel_delivery(Services& services, Call& call) {
    CO_TRY(const DeliveryId id, path_id<DeliveryId>(call, "delivery_id"));
    co_return co_await mutate(
        services, call,
        [id, no = call.workspace_no](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(const store::DeliveryRow row, find_in(tx, no, id));
            return cancel(tx, side, row);
        });
}

std::vector<Component> components() {
    return {
        {"Attempt",
         R"({"type":"object","required":["n","started_at","outcome"],"properties":{)"
         R"("n":{"type":"integer"},"skipped":{"type":"boolean","description":"A wait behind an open)"
         R"( circuit, no attempt."},"started_at":{"type":"string","format":"date-time"},)"
         R"("took_ms":{"type":"number"},"outcome":{"type":"string"},)"
         R"("status":{"type":["integer","null"]},"error":{"type":"string"},)"
         R"("address":{"type":"string"},"tls_version":{"type":"string"},)"
         R"("tls_cipher":{"type":"string"},"peer_certificate_sha256":{"type":"string"},)"
         R"("request_headers":{"type":"string"},"answer_type":{"type":"string"},)"
         R"("answer":{"type":"string"},"answer_base64":{"type":"string"},)"
         R"("answer_cut":{"type":"boolean"}}})"},
        {"Delivery",
         R"({"type":"object","required":["id","event_id","destination_id","state"],)"
         R"("properties":{"id":{"type":"string"},"event_id":{"type":"string"},)"
         R"("event_type":{"type":"string"},"destination_id":{"type":"string"},)"
         R"("state":{"enum":["queued","retrying","held","delivered","failed","cancelled"]},)"
         R"("attempts":{"type":"integer"},"first_attempt_at":{"type":["string","null"]},)"
         R"("last_attempt_at":{"type":["string","null"]},)"
         R"("next_attempt_at":{"type":["string","null"]},)"
         R"("reference":{"type":["string","null"]},"reason":{"type":["string","null"]},)"
         R"("replay_of":{"type":["string","null"]},"replay_id":{"type":"string"},)"
         R"("created_at":{"type":"string","format":"date-time"},)"
         R"("attempts_log":{"type":"array","items":{"$ref":"#/components/schemas/Attempt"}}}})"},
        {"DeliveryList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Delivery"}},"next_cursor":{"type":["string","null"]}}})"},
    };
}

Route action(std::string_view path, std::string_view operation, std::string_view summary,
             Handler handler) {
    return {.method = http::Method::post,
            .path = path,
            .operation = operation,
            .tag = "deliveries",
            .summary = summary,
            .permission = Permission::replay_own,
            .response = "#Delivery",
            .handler = handler};
}

}  // namespace

RouteGroup delivery_routes() {
    RouteGroup group;
    group.components = components();
    group.routes = {
        {.method = http::Method::get,
         .path = "/v1/deliveries",
         .operation = "listDeliveries",
         .tag = "deliveries",
         .summary = "List deliveries",
         .permission = Permission::deliveries_read,
         .response = "#DeliveryList",
         .parameters = page_parameters({{"destination_id", "Of this destination"},
                                        {"event_id", "Of this event"},
                                        {"state", "In this state"},
                                        {"from", "Created at or after this time"},
                                        {"until", "Created before this time"}}),
         .handler = list_deliveries},
        {.method = http::Method::get,
         .path = "/v1/deliveries/{delivery_id}",
         .operation = "getDelivery",
         .tag = "deliveries",
         .summary = "Read a delivery with its attempts",
         .permission = Permission::deliveries_read,
         .response = "#Delivery",
         .handler = get_delivery},
        action("/v1/deliveries/{delivery_id}/replay", "replayDelivery",
               "Send the same event again, as a new delivery", replay_delivery),
        action("/v1/deliveries/{delivery_id}/cancel", "cancelDelivery",
               "Give up a delivery that is not over", cancel_delivery),
    };
    group.routes[2].status = 202;
    for (Route& route : replay_routes()) group.routes.push_back(std::move(route));
    for (Component& component : replay_components()) group.components.push_back(component);
    return group;
}

}  // namespace blotter::api
