#include "api/replay_selection.hpp"

#include <algorithm>
#include <array>

#include "base/json_reader.hpp"
#include "intake/intake.hpp"
#include "store/tables/delivery_list.hpp"
#include "store/tables/delivery_times.hpp"

namespace blotter::api {
namespace {

constexpr std::size_t delivery_slice_rows = 500;
constexpr std::size_t event_slice_rows = 100;  // each is opened on a loop when there is a filter
constexpr Duration clock_slack = std::chrono::hours{1};

constexpr std::array<std::pair<ReplayWhat, std::string_view>, 6> names{{
    {ReplayWhat::ended, "ended"},
    {ReplayWhat::failed, "failed"},
    {ReplayWhat::held, "held"},
    {ReplayWhat::cancelled, "cancelled"},
    {ReplayWhat::delivered, "delivered"},
    {ReplayWhat::missing, "missing"},
}};

std::optional<store::DeliveryState> state_of(ReplayWhat what) {
    switch (what) {
        case ReplayWhat::failed:
            return store::DeliveryState::failed;
        case ReplayWhat::held:
            return store::DeliveryState::held;
        case ReplayWhat::cancelled:
            return store::DeliveryState::cancelled;
        case ReplayWhat::delivered:
            return store::DeliveryState::delivered;
        default:
            return std::nullopt;
    }
}

bool may_be_followed(store::DeliveryState state) {
    return state == store::DeliveryState::failed || state == store::DeliveryState::cancelled;
}

Result<bool> was_followed(sql::Connection& db, const store::DeliveryRow& row) {
    if (!may_be_followed(row.state)) return false;
    store::DeliveryFilter filter;
    filter.workspace_no = row.workspace_no;
    filter.event_seq = row.event_seq;
    filter.destination_no = row.destination_no;
    TRY(const auto page, store::list_deliveries(db, filter, {.limit = 100}));
    return is_followed(row, page.rows);
}

Result<bool> has_delivery(sql::Connection& db, const store::EventRow& event,
                          std::int64_t destination_no) {
    // What was planned has a row, or is in the middle of its first attempt.
    const auto& planned = event.plan.destination_nos;
    if (std::ranges::find(planned, destination_no) != planned.end()) return true;
    store::DeliveryFilter filter;
    filter.workspace_no = event.workspace_no;
    filter.event_seq = event.seq;
    filter.destination_no = destination_no;
    TRY(const auto page, store::list_deliveries(db, filter, {.limit = 1}));
    return !page.rows.empty();
}

}  // namespace

std::string_view to_text(ReplayWhat what) {
    for (const auto& [value, name] : names)
        if (value == what) return name;
    return "unknown";
}

std::optional<ReplayWhat> parse_replay_what(std::string_view text) {
    for (const auto& [what, name] : names)
        if (name == text) return what;
    return std::nullopt;
}

json::Value to_json(const ReplaySelection& s) {
    json::Object out;
    out.append("from", to_rfc3339(s.from));
    out.append("until", to_rfc3339(s.until));
    out.append("state", to_text(s.what));
    if (!s.types) return out;
    json::Array types;
    for (const EventType type : all_event_types())
        if (s.types->contains(type)) types.emplace_back(blotter::to_text(type));
    out.append("event_types", std::move(types));
    return out;
}

Result<ReplaySelection> selection_from_json(const json::Value& json) {
    ReplaySelection out;
    json::ObjectReader in{json};
    const auto from = in.time("from");
    const auto until = in.time("until");
    if (!from) in.refuse("from", "'from' is required: the first moment of the range");
    if (!until) in.refuse("until", "'until' is required: the end of the range, itself excluded");
    if (from && until && *until <= *from) in.refuse("until", "the range ends before it begins");
    out.what = in.choice_or("state", parse_replay_what, ReplayWhat::ended);
    for (const std::string& name : in.texts("event_types", 128, 64)) {
        if (!out.types) out.types.emplace();
        if (name == "*")
            out.types = EventTypes::all();
        else if (const auto type = parse_event_type(name))
            out.types->add(*type);
        else
            in.refuse("event_types",
                      "'" + name + "' is no event type; GET /v1/event-types has the list");
    }
    CHECK(in.finish());
    out.from = *from;
    out.until = *until;
    return out;
}

bool takes(const ReplaySelection& s, const store::DeliveryRow& row, EventType type) {
    if (row.workspace_no != s.workspace_no) return false;
    if (s.destination_no && row.destination_no != *s.destination_no) return false;
    if (row.created_at < s.from || row.created_at >= s.until) return false;
    if (s.types && !s.types->contains(type)) return false;
    if (s.what == ReplayWhat::missing) return false;
    if (s.what == ReplayWhat::ended)
        return store::is_final(row.state) || row.state == store::DeliveryState::held;
    return row.state == *state_of(s.what);
}

bool is_followed(const store::DeliveryRow& row, const std::vector<store::DeliveryRow>& of_event) {
    return std::ranges::any_of(of_event, [&](const store::DeliveryRow& other) {
        return other.no > row.no && other.event_seq == row.event_seq &&
               other.destination_no == row.destination_no && !may_be_followed(other.state);
    });
}

Result<ReplaySlice> select_deliveries(sql::Connection& db, const ReplaySelection& s,
                                      const DeliverySliceQuery& query) {
    TRY(const std::int64_t first, store::delivery_no_at(db, s.from - clock_slack));
    TRY(const std::int64_t end, store::delivery_no_at(db, s.until + clock_slack));
    store::DeliveryFilter filter;
    filter.workspace_no = s.workspace_no;
    filter.destination_no = s.destination_no;
    filter.state = state_of(s.what);
    filter.from = s.from;
    filter.until = s.until;
    TRY(const auto page, store::list_deliveries(db, filter,
                                                {.after = std::max(query.after, first - 1),
                                                 .limit = delivery_slice_rows,
                                                 .order = store::Order::oldest_first}));
    ReplaySlice out;
    for (const store::DeliveryRow& row : page.rows) {
        if (query.own_no != 0 && row.replay_no == query.own_no) continue;
        TRY(const auto event, store::load_event(db, row.event_seq, store::Payload::skip));
        if (!event || !takes(s, row, event->type)) continue;
        TRY(const bool followed, was_followed(db, row));
        if (followed) continue;
        TRY(const auto erased, intake::erased_at(db, *event));
        if (erased) continue;
        out.items.push_back({row.event_seq, row.destination_no, row.no, event->order()});
    }
    if (page.next && *page.next < end) out.next = page.next;
    return out;
}

Result<EventSlice> select_missing(sql::Connection& db, const ReplaySelection& s,
                                  const Destination& destination, std::int64_t after) {
    store::EventFilter filter;
    filter.workspace_no = s.workspace_no;
    filter.types = s.types;
    filter.entity_no = destination.entity_no;
    filter.from = s.from;
    filter.until = s.until;
    TRY(auto page,
        store::list_events(
            db, filter,
            {.after = after, .limit = event_slice_rows, .order = store::Order::oldest_first},
            store::Payload::skip));
    EventSlice out{{}, page.next};
    for (store::EventRow& event : page.rows) {
        if (!destination.types.contains(event.type)) continue;
        TRY(const bool there, has_delivery(db, event, destination.no));
        if (there) continue;
        TRY(const auto erased, intake::erased_at(db, event));
        if (!erased) out.events.push_back(std::move(event));
    }
    return out;
}

}  // namespace blotter::api
