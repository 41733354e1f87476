#include "connectors/event_body.hpp"

#include "base/invariant.hpp"

namespace blotter::connectors {
namespace {

bool has_files(const json::Value& data) {
    const json::Value* files = data.find("files");
    return files != nullptr && files->as_object() != nullptr;
}

/// Whether a body of this form is the payload, for an event without files.
bool is_payload(BodyFormat format, bool aliases, EventType type) {
    const bool renamed = aliases && alias_of(type) != to_text(type);
    return format == BodyFormat::standard && !renamed;
}

/// Adds `url` and `expires_at` to every file that names a stored one.
json::Value with_links(const json::Value& data, const Links& links) {
    json::Value out = data;
    for (json::Member& member : *out.as_object()->find("files")->as_object()) {
        json::Object* file = member.value.as_object();
        const json::Value* id = file == nullptr ? nullptr : file->find("file_id");
        if (id == nullptr || id->as_string() == nullptr) continue;
        const auto parsed = FileId::parse(*id->as_string());
        if (!parsed) continue;
        file->set("url", links.url(*parsed));
        file->set("expires_at", to_rfc3339(links.expires_at));
    }
    return out;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out += out.empty() ? "{\"" : ",\"";
    out.append(name).append("\":");
    json::append_quoted(out, value);
}

/// Written by hand around the data, which is by far the largest part: no tree for the head, no copy
/// of that of the data.
std::string standard(const EventFacts& event, bool aliases, const json::Value& data) {
    std::string out;
    out.reserve(1'024);
    append_member(out, "id", event.id.short_text());
    append_member(out, "type", aliases ? alias_of(event.type) : to_text(event.type));
    append_member(out, "timestamp", rfc3339_of(event.occurred_at));
    append_member(out, "workspace_id", event.workspace_id);
    if (!event.entity_id.empty()) append_member(out, "entity_id", event.entity_id);
    out += ",\"data\":";
    json::append_text(out, data);
    out += '}';
    return out;
}

void copy_text(json::Object& out, const char* name, const json::Value& from, const char* pointer) {
    const json::Value* found = from.at_pointer(pointer);
    if (found != nullptr && !found->is_null()) out.append(name, *found);
}

json::Value person(const json::Value& recipient) {
    json::Object out;
    copy_text(out, "name", recipient, "/name");
    copy_text(out, "email", recipient, "/email");
    copy_text(out, "status", recipient, "/status");
    copy_text(out, "signed_at", recipient, "/acted_at");
    return out;
}

json::Value people(const json::Value* recipients) {
    json::Array out;
    if (recipients != nullptr && recipients->as_array() != nullptr)
        for (const json::Value& recipient : *recipients->as_array())
            out.push_back(person(recipient));
    return out;
}

/// The older vocabulary's shape: everything at the top, links by name, metadata last.
json::Value flat(const EventFacts& event, bool aliases, const json::Value& data) {
    json::Object out;
    out.append("event", aliases ? alias_of(event.type) : to_text(event.type));
    out.append("event_id", event.id.text());
    copy_text(out, "envelope_id", data, "/envelope/id");
    copy_text(out, "title", data, "/envelope/title");
    out.append("occurred_at", to_rfc3339(event.occurred_at));
    copy_text(out, "completed_at", data, "/envelope/completed_at");
    copy_text(out, "document_url", data, "/files/signed_pdf/url");
    copy_text(out, "audit_trail_url", data, "/files/audit_trail/url");
    if (const json::Value* recipient = data.find("recipient"))
        out.append("signer", person(*recipient));
    if (const json::Value* recipients = data.find("recipients"))
        out.append("signers", people(recipients));
    copy_text(out, "document", data, "/document");
    copy_text(out, "reason", data, "/reason");
    if (const json::Value* missing = data.find("missing_recipients"))
        out.append("missing_signers", people(missing));
    const json::Value* metadata = data.at_pointer("/envelope/metadata");
    if (metadata == nullptr) metadata = data.find("metadata");
    out.append("metadata", metadata == nullptr ? json::Value{json::Object{}} : *metadata);
    // Only simulated events have it, so that what they look like is what real ones look like.
    copy_text(out, "test", data, "/test");
    return out;
}

}  // namespace

std::string render_body(const EventFacts& event, BodyFormat format, bool aliases,
                        const Links& links) {
    const json::Value linked =
        has_files(event.data) ? with_links(event.data, links) : json::Value{};
    const json::Value& data = has_files(event.data) ? linked : event.data;
    if (format == BodyFormat::flat) return json::to_text(flat(event, aliases, data));
    return standard(event, aliases, data);
}

std::shared_ptr<const std::string> ready_body(const EventFacts& event, BodyFormat format,
                                              bool aliases) {
    if (!is_payload(format, aliases, event.type) || has_files(event.data)) return nullptr;
    return event.payload;
}

bool is_payload_enough(const Destination& destination, EventType type) {
    return destination.kind == "webhook" &&
           is_payload(destination.webhook.format, destination.webhook.aliases, type);
}

Result<json::Value> data_of(std::string_view payload) {
    constexpr std::size_t bytes_max = 16 << 20;
    TRY(json::Value body, json::parse(payload, {.bytes_max = bytes_max}));
    json::Object* members = body.as_object();
    json::Value* data = members == nullptr ? nullptr : members->find("data");
    if (data == nullptr) return fail(Errc::corrupt, "the payload of an event has no data");
    return std::move(*data);
}

std::shared_ptr<const EventFacts> with_data(std::shared_ptr<const EventFacts> event,
                                            const Destination& destination) {
    if (!event->data.is_null() || !event->payload) return event;
    if (is_payload_enough(destination, event->type)) return event;
    auto out = std::make_shared<EventFacts>(*event);
    auto data = data_of(*event->payload);
    INVARIANT(data.has_value());  // It was written by this process.
    out->data = *std::move(data);
    return out;
}

std::string canonical_payload(const EventFacts& event) {
    return canonical_payload(event, event.data);
}

std::string canonical_payload(const EventFacts& event, const json::Value& data) {
    return standard(event, false, data);
}

}  // namespace blotter::connectors
