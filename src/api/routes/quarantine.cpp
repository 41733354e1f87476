#include "api/routes/quarantine.hpp"

#include <fmt/format.h>

#include "api/event_intake.hpp"
#include "api/helpers.hpp"
#include "base/json_reader.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/events.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr std::size_t payload_bytes_max = 64 << 20;

std::string_view to_text(store::QuarantineState state) {
    switch (state) {
        case store::QuarantineState::waiting:
            return "waiting";
        case store::QuarantineState::released:
            return "released";
        case store::QuarantineState::rejected:
            return "rejected";
    }
    return "unknown";
}

Result<std::optional<store::QuarantineState>> read_state(const Call& call) {
    const std::string* text = call.query.find("state");
    if (text == nullptr) return std::nullopt;
    for (const auto state : {store::QuarantineState::waiting, store::QuarantineState::released,
                             store::QuarantineState::rejected})
        if (*text == to_text(state)) return state;
    return fail(Errc::invalid_argument, "'state' is waiting, released or rejected", "/query/state");
}

json::Value view_of(const store::QuarantineRow& row) {
    json::Object out;
    out.append("id", row.id.text());
    out.append("received_at", to_rfc3339(row.received_at));
    out.append("reason", row.reason);
    out.append("state", to_text(row.state));
    out.append("decided_by", row.decided_by.empty() ? json::Value{} : json::Value{row.decided_by});
    out.append("decided_at",
               row.decided_at ? json::Value{to_rfc3339(*row.decided_at)} : json::Value{});
    return out;
}

Error nothing() {
    return {Errc::not_found, "there is no such quarantined event in this workspace", {}, {}};
}

runtime::Task<Result<Reply>> list_quarantine(Services& services, Call& call) {
    CO_TRY(const PageQuery page, read_page(services, call, "listQuarantine"));
    CO_TRY(const auto state, read_state(call));
    CO_TRY(const auto found,
           co_await store::read(
               services.loop, services.reader,
               [no = call.workspace_no, state, page = page.page](sql::Connection& db) {
                   return store::list_quarantine(db, no, state, page);
               }));
    json::Array data;
    for (const store::QuarantineRow& row : found.rows) data.push_back(view_of(row));
    co_return Reply{
        200, make_list(services, call, "listQuarantine", std::move(data), found.next), {}};
}

struct Read {
    store::QuarantineRow row;
    std::vector<store::DataKeyRow> keys;
};

runtime::Task<Result<Reply>> get_quarantined(Services& services, Call& call) {
    CO_TRY(const QuarantineId id, path_id<QuarantineId>(call, "quarantine_id"));
    CO_TRY(Read found,
           co_await store::read(services.loop, services.reader,
                                [id, no = call.workspace_no](sql::Connection& db) -> Result<Read> {
                                    Read out;
                                    TRY(auto row, store::find_quarantine(db, no, id));
                                    if (!row) return pass(nothing());
                                    out.row = std::move(*row);
                                    TRY(out.keys, store::list_data_keys(db, no));
                                    return out;
                                }));
    json::Value view = view_of(found.row);
    if (found.row.payload.empty()) {
        view.as_object()->append("erased", true);
        co_return Reply{200, std::move(view), {}};
    }
    if (!call.may(Permission::payload_read)) co_return Reply{200, std::move(view), {}};
    CO_CHECK(services.keys.load(call.workspace, std::move(found.keys)));
    CO_TRY(const security::Secret text,
           services.keys.vault().open(quarantine_cell(call.workspace, id), found.row.payload));
    auto payload = json::parse(text.expose_text(), {.bytes_max = payload_bytes_max});
    view.as_object()->append(
        "payload", payload ? std::move(*payload) : json::Value{std::string{text.expose_text()}});
    co_return Reply{200, std::move(view), {}};
}

// --- Deciding ---

/// The row after a decision that was still to be made.
Result<store::QuarantineRow> decide(store::Tx& tx, const store::QuarantineDecision& decision) {
    TRY(const auto applied, store::decide_quarantine(tx.db(), decision));
    TRY(auto row, store::find_quarantine(tx.db(), decision.workspace_no, decision.id));
    if (!row) return pass(nothing());
    if (applied == store::Applied::no)
        return fail(Errc::conflict, fmt::format("this was decided before: the event was {} by {}",
                                                to_text(row->state), row->decided_by));
    return std::move(*row);
}

/// Who let a suspicious event pass, or threw it away, cannot be rewritten later.
Result<> note_decision(store::Tx& tx, WriterSide& side, const store::QuarantineRow& row,
                       const std::string& event_id) {
    const std::string state{to_text(row.state)};
    const std::string what = json::to_text(json::Object{{"quarantine", row.id.text()},
                                                        {"state", state},
                                                        {"by", row.decided_by},
                                                        {"event", event_id}});
    const auto* workspace = side.directory().get().workspace(row.workspace_no);
    TRY(const std::string commitment,
        side.intake.commit_to(tx, row.workspace_no, workspace->id.value, what));
    std::map<std::string, ledger::LeafValue, std::less<>> members{
        {"c", commitment}, {"qrn", row.id.text()}, {"state", state}};
    if (!event_id.empty()) members.emplace("eid", event_id);
    return side.intake.note(tx, row.workspace_no, ledger::LeafKind::config_changed,
                            std::move(members));
}

/// The event as it was posted, without the suspicion.
Result<PostedEvent> reopen(WriterSide& side, store::Tx& tx, const store::QuarantineRow& row) {
    const auto* workspace = side.directory().get().workspace(row.workspace_no);
    CHECK(side.keys().ensure(tx, workspace->id, workspace->no, side.clock().wall()));
    TRY(const security::Secret text,
        side.keys().vault().open(quarantine_cell(workspace->id, row.id), row.payload));
    TRY(json::Value body, json::parse(text.expose_text(), {.bytes_max = payload_bytes_max}));
    EventRules rules;
    rules.workspace_no = row.workspace_no;
    // An event without a time of its own happened when it was received.
    rules.now = row.received_at;
    rules.directory = std::make_shared<const routing::Directory>(side.directory().get());
    TRY(PostedEvent event, read_event(body, rules));
    event.suspicion.reset();
    return event;
}

/// Whose data the released event holds: what was set aside is erased with it.
Result<Uuid> subject_of(store::Tx& tx, std::int64_t workspace_no, const EventId& id) {
    TRY(const auto event, store::find_event(tx.db(), workspace_no, id));
    if (!event) return fail(Errc::corrupt, "a released event is missing");
    return intake::subject_of(tx.db(), *event);
}

Result<Reply> release(store::Tx& tx, WriterSide& side, store::QuarantineDecision decision) {
    decision.at = side.clock().wall();
    decision.state = store::QuarantineState::released;
    TRY(const store::QuarantineRow row, decide(tx, decision));
    TRY(PostedEvent event, reopen(side, tx, row));
    TRY(const intake::Accepted accepted,
        accept_event(tx, side, row.workspace_no, std::move(event)));
    json::Value view = view_of(row);
    TRY(const Uuid subject, subject_of(tx, row.workspace_no, accepted.id));
    CHECK(store::set_quarantine_subject(tx.db(), row.no, subject));
    CHECK(note_decision(tx, side, row, accepted.id.text()));
    view.as_object()->append("event", answer_of(accepted));
    return Reply{200, std::move(view), {}};
}

Result<Reply> reject(store::Tx& tx, WriterSide& side, store::QuarantineDecision decision) {
    decision.at = side.clock().wall();
    decision.state = store::QuarantineState::rejected;
    TRY(const store::QuarantineRow row, decide(tx, decision));
    CHECK(note_decision(tx, side, row, ""));
    return Reply{200, view_of(row), {}};
}

using Decide = Result<Reply> (*)(store::Tx&, WriterSide&, store::QuarantineDecision);

runtime::Task<Result<Reply>> decide_with(Services& services, Call& call, Decide what) {
    CO_TRY(const QuarantineId id, path_id<QuarantineId>(call, "quarantine_id"));
    co_return co_await mutate(services, call,
                              [id, what, no = call.workspace_no, by = call.principal.name](
                                  store::Tx& tx, WriterSide& side) -> Result<Reply> {
                                  store::QuarantineDecision decision;
                                  decision.workspace_no = no;
                                  decision.id = id;
                                  decision.by = by;
                                  return what(tx, side, decision);
                              });
}

runtime::Task<Result<Reply>> release_quarantined(Services& services, Call& call) {
    return decide_with(services, call, release);
}
runtime::Task<Result<Reply>> reject_quarantined(Services& services, Call& call) {
    return decide_with(services, call, reject);
}

}  // namespace

std::vector<Component> quarantine_components() {
    return {
        {"Quarantined",
         R"({"type":"object","required":["id","reason","state"],"properties":{)"
         R"("id":{"type":"string"},"received_at":{"type":"string","format":"date-time"},)"
         R"("reason":{"type":"string"},"state":{"enum":["waiting","released","rejected"]},)"
         R"("decided_by":{"type":["string","null"]},"decided_at":{"type":["string","null"]},)"
         R"("payload":{"description":"The event as it was posted; needs payload:read."},)"
         R"("erased":{"type":"boolean","description":"The payload went with a person's data."},)"
         R"("event":{"type":"object","description":"What became of a released one."}}})"},
        {"QuarantineList",
         R"({"type":"object","properties":{"data":{"type":"array","items":)"
         R"({"$ref":"#/components/schemas/Quarantined"}},"next_cursor":{"type":["string","null"]}}})"},
    };
}

std::vector<Route> quarantine_routes() {
    using http::Method;
    return {
        {.method = Method::get,
         .path = "/v1/quarantine",
         .operation = "listQuarantine",
         .tag = "quarantine",
         .summary = "List the events that were set aside",
         .permission = Permission::quarantine_read,
         .response = "#QuarantineList",
         .parameters = page_parameters({{"state", "waiting, released or rejected"}}),
         .handler = list_quarantine},
        {.method = Method::get,
         .path = "/v1/quarantine/{quarantine_id}",
         .operation = "getQuarantined",
         .tag = "quarantine",
         .summary = "Read an event that was set aside",
         .permission = Permission::quarantine_read,
         .response = "#Quarantined",
         .handler = get_quarantined},
        {.method = Method::post,
         .path = "/v1/quarantine/{quarantine_id}/release",
         .operation = "releaseQuarantined",
         .tag = "quarantine",
         .summary = "Accept the event although its schema objected",
         .permission = Permission::quarantine_release,
         .response = "#Quarantined",
         .handler = release_quarantined},
        {.method = Method::post,
         .path = "/v1/quarantine/{quarantine_id}/reject",
         .operation = "rejectQuarantined",
         .tag = "quarantine",
         .summary = "Decide that the event is not to be accepted; it stays on record",
         .permission = Permission::quarantine_release,
         .response = "#Quarantined",
         .handler = reject_quarantined},
    };
}

}  // namespace blotter::api
