#include "api/delivery_view.hpp"

#include <unordered_map>

#include <fmt/format.h>

#include "api/helpers.hpp"
#include "delivery/machine.hpp"
#include "delivery/outcome.hpp"
#include "store/tables/destinations.hpp"
#include "store/tables/events.hpp"

namespace blotter::api {
namespace {

constexpr store::DeliveryState all_states[] = {
    store::DeliveryState::queued, store::DeliveryState::retrying,
    store::DeliveryState::held,   store::DeliveryState::delivered,
    store::DeliveryState::failed, store::DeliveryState::cancelled,
};

bool is_excerpt(std::string_view name) {
    return name == "answer" || name == "answer_base64";
}

/// Lists of one destination or one event name the same few things again and again.
class Names {
  public:
    Names(sql::Connection& db, const routing::Directory& directory)
        : db_(db), directory_(directory) {}

    Result<> fill(DeliveryFacts& facts) {
        TRY(const auto event, event_of(facts.row.event_seq));
        facts.event = event.first;
        facts.type = event.second;
        TRY(facts.destination, destination_of(facts.row.destination_no));
        if (!facts.row.replay_of) return {};
        TRY(const auto replayed, store::load_delivery(db_, *facts.row.replay_of));
        if (replayed) facts.replay_of = replayed->id;
        return {};
    }

  private:
    using Event = std::pair<EventId, EventType>;

    Result<Event> event_of(std::int64_t seq) {
        if (const auto found = events_.find(seq); found != events_.end()) return found->second;
        TRY(const auto row, store::load_event(db_, seq, store::Payload::skip));
        const Event event = row ? Event{row->id, row->type} : Event{};
        events_.emplace(seq, event);
        return event;
    }
    Result<DestinationId> destination_of(std::int64_t no) {
        if (const auto target = directory_.target(no)) return target->destination.id;
        if (const auto found = deleted_.find(no); found != deleted_.end()) return found->second;
        TRY(const auto row, store::load_destination(db_, no));
        const DestinationId id = row ? row->id : DestinationId{};
        deleted_.emplace(no, id);
        return id;
    }

    sql::Connection& db_;
    const routing::Directory& directory_;
    std::unordered_map<std::int64_t, Event> events_;
    std::unordered_map<std::int64_t, DestinationId> deleted_;
};

}  // namespace

Result<std::vector<DeliveryFacts>> with_names(sql::Connection& db,
                                              std::vector<store::DeliveryRow> rows,
                                              const routing::Directory& directory) {
    Names names{db, directory};
    std::vector<DeliveryFacts> out;
    out.reserve(rows.size());
    for (store::DeliveryRow& row : rows) {
        out.push_back({std::move(row), {}, {}, {}, {}, {}});
        CHECK(names.fill(out.back()));
    }
    return out;
}

void show_circuits(const delivery::Hub& hub, std::vector<DeliveryFacts>& deliveries) {
    for (DeliveryFacts& delivery : deliveries)
        if (delivery.row.next_at)
            delivery.circuit_until = hub.shut_until(delivery.row.destination_no);
}

json::Value view_of(const DeliveryFacts& d) {
    std::optional<Timestamp> next = d.row.next_at;
    std::string reason = d.row.reason;
    if (next && d.circuit_until && *d.circuit_until > *next) {
        next = d.circuit_until;
        reason = "circuit_open";
    }
    json::Object out;
    out.append("id", d.row.id.text());
    out.append("event_id", d.event.text());
    out.append("event_type", blotter::to_text(d.type));
    out.append("destination_id", d.destination.text());
    out.append("state", to_text(d.row.state));
    out.append("attempts", static_cast<std::int64_t>(d.row.attempts));
    out.append("first_attempt_at", time_or_null(d.row.first_at));
    out.append("last_attempt_at", time_or_null(d.row.last_at));
    out.append("next_attempt_at", time_or_null(next));
    out.append("reference", text_or_null(d.row.reference));
    out.append("reason", text_or_null(reason));
    out.append("replay_of", d.replay_of ? json::Value{d.replay_of->text()} : json::Value{});
    out.append("created_at", to_rfc3339(d.row.created_at));
    return out;
}

json::Value view_of(const store::AttemptRow& a, Excerpts excerpts) {
    json::Object out;
    out.append("n", static_cast<std::int64_t>(a.n));
    out.append("skipped", a.skip);
    out.append("started_at", to_rfc3339(a.started_at));
    out.append("took_ms",
               json::Number{fmt::format("{:.3f}", static_cast<double>(a.took.count()) / 1000.0)});
    const auto outcome = delivery::outcome_code_from(a.outcome);
    out.append("outcome", outcome ? delivery::to_text(*outcome) : std::string_view{"unknown"});
    out.append("status", a.status ? json::Value{*a.status} : json::Value{});
    auto detail = json::parse(as_text(a.detail), {.bytes_max = 1 << 20});
    if (!detail || detail->as_object() == nullptr) return out;
    for (json::Member& member : *detail->as_object())
        if (excerpts == Excerpts::show || !is_excerpt(member.name))
            out.set(member.name, std::move(member.value));
    return out;
}

std::string_view to_text(store::DeliveryState state) {
    return delivery::to_text(static_cast<delivery::DeliveryState>(state));
}

std::optional<store::DeliveryState> parse_delivery_state(std::string_view text) {
    for (const store::DeliveryState state : all_states)
        if (to_text(state) == text) return state;
    return std::nullopt;
}

}  // namespace blotter::api
