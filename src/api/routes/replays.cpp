#include "api/replays.hpp"

#include "api/destinations.hpp"
#include "api/replay_runner.hpp"
#include "base/json_reader.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr std::size_t running_in_workspace_max = 20;

struct ReplayRequest {
    ReplaySelection selection;
    bool preview = false;
};

/// Takes the members that are not part of the selection out of a copy of the body.
Result<ReplayRequest> read_request(const Call& call, std::optional<DestinationId> destination) {
    json::Value body = call.body;
    ReplayRequest out;
    json::Object* members = body.as_object();
    if (members == nullptr) return fail(Errc::invalid_argument, "an object is expected here");
    if (const json::Value* preview = members->find("preview")) {
        const bool* wanted = preview->as_bool();
        if (wanted == nullptr)
            return fail(Errc::invalid_argument, "'preview' must be true or false", "/preview");
        out.preview = *wanted;
        members->erase("preview");
    }
    const json::Value* named = members->find("destination_id");
    if (!destination && named != nullptr && !named->is_null()) {
        const std::string* text = named->as_string();
        const auto id = DestinationId::parse(text == nullptr ? std::string_view{} : *text);
        if (!id) return fail(Errc::invalid_argument, id.error().detail, "/destination_id");
        destination = *id;
    }
    if (named != nullptr) members->erase("destination_id");
    TRY(out.selection, selection_from_json(body));
    out.selection.workspace_no = call.workspace_no;
    // What is accepted from now on is sent anyway. A range that has not begun stays one, empty.
    out.selection.until =
        std::max(std::min(out.selection.until, call.now), out.selection.from + Duration{1});
    if (destination) {
        TRY(const auto target, find_target(*call.directory, call.workspace_no, *destination));
        out.selection.destination_no = target->destination.no;
    } else if (out.selection.what == ReplayWhat::missing) {
        return fail(Errc::invalid_argument,
                    "\"state\": \"missing\" needs a destination: events are sent to it that it did "
                    "not get",
                    "/destination_id");
    }
    return out;
}

Result<Reply> insert(store::Tx& tx, WriterSide& side, const ReplaySelection& selection,
                     const store::Count& count, const std::string& by) {
    TRY(const auto running, store::list_running_replays(tx.db(), 1'000));
    const auto own =
        std::ranges::count(running, selection.workspace_no, &store::ReplayRow::workspace_no);
    if (static_cast<std::size_t>(own) >= running_in_workspace_max)
        return fail(Errc::too_many_requests,
                    "twenty replays are under way in this workspace; wait for one to end, or "
                    "cancel one");
    store::ReplayRow row;
    row.created_at = side.clock().wall();
    row.id = side.entropy().id<ReplayId>(row.created_at);
    row.workspace_no = selection.workspace_no;
    row.destination_no = selection.destination_no;
    row.filter = json::to_text(to_json(selection));
    row.created_by = by;
    row.total = count.n;
    CHECK(store::insert_replay(tx.db(), row));
    return Reply{
        202,
        json::Object{
            {"replay_id", row.id.text()}, {"count", count.n}, {"complete", count.complete}},
        {}};
}

runtime::Task<Result<Reply>> start(Services& services, Call& call,
                                   std::optional<DestinationId> destination) {
    CO_TRY(const ReplayRequest request, read_request(call, destination));
    CO_TRY(const store::Count count, co_await preview(services, request.selection));
    if (request.preview)
        co_return Reply{200, json::Object{{"count", count.n}, {"complete", count.complete}}, {}};
    co_return co_await mutate(
        services, call,
        [selection = request.selection, count, by = call.principal.name](
            store::Tx& tx, WriterSide& side) { return insert(tx, side, selection, count, by); });
}

runtime::Task<Result<Reply>> start_replay(Services& services, Call& call) {
    return start(services, call, std::nullopt);
}

runtime::Task<Result<Reply>> replay_destination(Services& services, Call& call) {
    CO_TRY(const DestinationId id, path_id<DestinationId>(call, "destination_id"));
    co_return co_await start(services, call, id);
}

// --- Reading and cancelling ---

std::string_view to_text(store::ReplayState state) {
    switch (state) {
        case store::ReplayState::running:
            return "running";
        case store::ReplayState::done:
            return "done";
        case store::ReplayState::cancelled:
            return "cancelled";
    }
    return "unknown";
}

json::Value view_of(const store::ReplayRow& row, const routing::Directory& directory) {
    json::Object out;
    out.append("id", row.id.text());
    const auto target = row.destination_no ? directory.target(*row.destination_no) : nullptr;
    out.append("destination_id",
               target ? json::Value{target->destination.id.text()} : json::Value{});
    out.append("state", to_text(row.state));
    auto filter = json::parse(row.filter);
    out.append("filter", filter ? std::move(*filter) : json::Value{});
    out.append("total", row.total);
    out.append("done", row.done);
    out.append("created_by", row.created_by);
    out.append("created_at", to_rfc3339(row.created_at));
    return out;
}

runtime::Task<Result<Reply>> list_replays(Services& services, Call& call) {
    CO_TRY(const PageQuery page, read_page(services, call, "listReplays"));
    CO_TRY(const auto found,
           co_await store::read(services.loop, services.reader,
                                [no = call.workspace_no, page = page.page](sql::Connection& db) {
                                    return store::list_replays(db, no, page);
                                }));
    json::Array data;
    for (const store::ReplayRow& row : found.rows) data.push_back(view_of(row, *call.directory));
    co_return Reply{200, make_list(services, call, "listReplays", std::move(data), found.next), {}};
}

Error no_replay() {
    return {Errc::not_found, "there is no such replay in this workspace", {}, {}};
}

runtime::Task<Result<Reply>> get_replay(Services& services, Call& call) {
    CO_TRY(const ReplayId id, path_id<ReplayId>(call, "replay_id"));
    CO_TRY(const auto row, co_await store::read(services.loop, services.reader,
                                                [id, no = call.workspace_no](sql::Connection& db) {
                                                    return store::find_replay(db, no, id);
                                                }));
    if (!row) co_return pass(no_replay());
    co_return Reply{200, view_of(*row, *call.directory), {}};
}

runtime::Task<Result<Reply>> cancel_replay(Services& services, Call& call) {
    CO_TRY(const ReplayId id, path_id<ReplayId>(call, "replay_id"));
    co_return co_await mutate(
        services, call,
        [id, no = call.workspace_no](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            CHECK(store::cancel_replay(tx.db(), no, id));
            TRY(const auto row, store::find_replay(tx.db(), no, id));
            if (!row) return pass(no_replay());
            if (row->state == store::ReplayState::done)
                return fail(Errc::conflict, "the replay is done; cancel its deliveries instead");
            return Reply{200, view_of(*row, side.directory().get()), {}};
        });
}

}  // namespace

std::vector<Component> replay_components() {
    return {
        {"ReplayRequest",
         R"({"type":"object","required":["from","until"],"properties":{)"
         R"("destination_id":{"type":["string","null"]},)"
         R"("from":{"type":"string","format":"date-time"},)"
         R"("until":{"type":"string","format":"date-time"},)"
         R"("event_types":{"type":"array","items":{"type":"string"}},)"
         R"("state":{"enum":["ended","failed","held","cancelled","delivered","missing"],)"
         R"("description":"Which deliveries; missing: events that the destination would take and)"
         R"( did not get. Default: ended, all that are not on their way."},)"
         R"("preview":{"type":"boolean","description":"Only count."}}})"},
        {"ReplayStarted",
         R"({"type":"object","required":["count","complete"],"properties":{)"
         R"("replay_id":{"type":"string"},"count":{"type":"integer"},)"
         R"("complete":{"type":"boolean","description":"False: there are at least so many."}}})"},
        {"Replay", R"({"type":"object","required":["id","state","total","done"],"properties":{)"
                   R"("id":{"type":"string"},"destination_id":{"type":["string","null"]},)"
                   R"("state":{"enum":["running","done","cancelled"]},"filter":{"type":"object"},)"
                   R"("total":{"type":"integer"},"done":{"type":"integer"},)"
                   R"("created_by":{"type":"string"},)"
                   R"("created_at":{"type":"string","format":"date-time"}}})"},
        {"ReplayList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Replay"}},"next_cursor":{"type":["string","null"]}}})"},
    };
}

std::vector<Route> replay_routes() {
    using http::Method;
    return {
        {.method = Method::post,
         .path = "/v1/destinations/{destination_id}/replay",
         .operation = "replayDestination",
         .tag = "deliveries",
         .summary = "Send a time range to a destination again, or count what that would be",
         .permission = Permission::replay_all,
         .takes = Takes::json,
         .request = "#ReplayRequest",
         .status = 202,
         .response = "#ReplayStarted",
         .handler = replay_destination,
         .also_status = 200},
        {.method = Method::post,
         .path = "/v1/replays",
         .operation = "createReplay",
         .tag = "deliveries",
         .summary = "Send a time range again, or count what that would be",
         .permission = Permission::replay_all,
         .takes = Takes::json,
         .request = "#ReplayRequest",
         .status = 202,
         .response = "#ReplayStarted",
         .handler = start_replay,
         .also_status = 200},
        {.method = Method::get,
         .path = "/v1/replays",
         .operation = "listReplays",
         .tag = "deliveries",
         .summary = "List replays",
         .permission = Permission::deliveries_read,
         .response = "#ReplayList",
         .parameters = page_parameters(),
         .handler = list_replays},
        {.method = Method::get,
         .path = "/v1/replays/{replay_id}",
         .operation = "getReplay",
         .tag = "deliveries",
         .summary = "Read how far a replay is",
         .permission = Permission::deliveries_read,
         .response = "#Replay",
         .handler = get_replay},
        {.method = Method::post,
         .path = "/v1/replays/{replay_id}/cancel",
         .operation = "cancelReplay",
         .tag = "deliveries",
         .summary = "Stop a replay; deliveries that it made stay",
         .permission = Permission::replay_all,
         .response = "#Replay",
         .handler = cancel_replay},
    };
}

}  // namespace blotter::api
