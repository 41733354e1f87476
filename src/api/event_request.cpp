#include "api/event_request.hpp"

#include <fmt/format.h>

#include "intake/event_schemas.hpp"
#include "routing/plan.hpp"

namespace blotter::api {
namespace {

constexpr std::size_t id_bytes_max = 64;

/// What happens to an envelope carries its metadata; a document or a source may have none.
bool needs_metadata(EventType type) {
    return group_of(type) != EventGroup::document && group_of(type) != EventGroup::source;
}

Result<> check_metadata(const intake::SchemaCheck& check, EventType type, const json::Value& data) {
    static const json::Value none = json::Object{};
    const json::Value* metadata = routing::metadata_of(data);
    if (metadata == nullptr && !needs_metadata(type)) return {};
    const bool own = metadata != nullptr && data.find("metadata") == metadata;
    return check.check(metadata == nullptr ? none : *metadata,
                       own ? "/data/metadata" : "/data/envelope/metadata");
}

Result<> check_data(EventType type, const json::Value& data, const EventRules& rules) {
    CHECK(intake::check_event_data(type, data));
    if (rules.metadata == nullptr) return {};
    return check_metadata(*rules.metadata, type, data);
}

Result<> check_size(const json::Value& data, std::size_t metadata_bytes_max) {
    const json::Value* metadata = routing::metadata_of(data);
    if (metadata == nullptr) return {};
    const std::size_t bytes = json::to_text(*metadata).size();
    if (bytes <= metadata_bytes_max) return {};
    return fail(Errc::invalid_argument,
                fmt::format("the metadata has {} bytes, at most {} are accepted", bytes,
                            metadata_bytes_max),
                data.find("metadata") == metadata ? "/data/metadata" : "/data/envelope/metadata");
}

/// Fills everything of the draft but its data.
Result<EventDraft> read_draft(const json::Value& body, const EventRules& rules) {
    EventDraft out;
    json::ObjectReader in{body};
    const std::string type = in.text("type", id_bytes_max);
    out.occurred_at = read_reported_time(in, "timestamp", rules.now);
    const std::string entity = in.text_or("entity_id", id_bytes_max, "");
    if (in.object("data").is_null())
        in.refuse("data", "'data' is required; GET /v1/event-types has its schema for each type");
    if (const auto known = parse_event_type(type))
        out.type = *known;
    else
        in.refuse("type", fmt::format("'{}' is not the name of an event; GET /v1/event-types has "
                                      "the list",
                                      type));
    if (in.has("id")) {
        const auto parsed = EventId::parse(in.text("id", id_bytes_max));
        if (parsed)
            out.id = *parsed;
        else
            in.refuse("id", parsed.error().detail);
    }
    if (!entity.empty()) {
        const auto parsed = EntityId::parse(entity);
        const auto* known = parsed ? rules.directory->entity(rules.workspace_no, *parsed) : nullptr;
        if (known != nullptr)
            out.entity_nos.push_back(known->no);
        else
            in.refuse("entity_id",
                      "there is no such entity in this workspace; GET /v1/entities has the list");
    }
    CHECK(in.finish());
    return out;
}

/// Most are ids of another system: no need to hear why they are none of ours.
template <typename IdType>
std::optional<IdType> id_at(const json::Value& data, std::string_view pointer) {
    const json::Value* named = data.at_pointer(pointer);
    const std::string* text = named == nullptr ? nullptr : named->as_string();
    if (text == nullptr || !text->starts_with(IdType::prefix)) return std::nullopt;
    auto id = IdType::parse(*text);
    if (!id) return std::nullopt;
    return *id;
}

}  // namespace

Timestamp read_reported_time(json::ObjectReader& in, std::string_view name, Timestamp now) {
    const auto at = in.time(name);
    if (!at) return now;
    if (*at > now + clock_difference_max)
        in.refuse(name, fmt::format("'{}' lies more than {} in the future; the time here is {}",
                                    name, to_text(clock_difference_max), to_rfc3339(now)));
    return *at;
}

Result<PostedEvent> read_event(json::Value& body, const EventRules& rules) {
    PostedEvent out;
    TRY(out.draft, read_draft(body, rules));
    // Written out only when somebody will compare it: most events have neither id nor key.
    if (out.draft.id || rules.hash == Hash::always) out.hash = sha256(json::to_text(body));
    json::Value& data = *body.as_object()->find("data");
    if (rules.metadata_bytes_max) CHECK(check_size(data, *rules.metadata_bytes_max));
    if (auto checked = check_data(out.draft.type, data, rules); !checked) {
        out.suspicion = std::move(checked).error();
        out.text = json::to_text(body);
    }
    out.envelope = id_at<EnvelopeId>(data, "/envelope/id");
    out.document = id_at<DocumentId>(data, "/document/id");
    out.draft.data = std::move(data);
    return out;
}

}  // namespace blotter::api
