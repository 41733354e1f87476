#include "intake/event_schemas.hpp"

#include <array>
#include <map>

#include "base/invariant.hpp"
#include "intake/literal.hpp"
#include "intake/schema_check.hpp"

namespace blotter::intake {
namespace {

constexpr std::string_view envelope_schema = R"({
  "type": "object",
  "required": ["id"],
  "properties": {
    "id": {"type": "string", "minLength": 1, "maxLength": 200},
    "external_id": {"type": "string", "maxLength": 200},
    "title": {"type": "string", "maxLength": 400},
    "level": {"enum": ["simple", "advanced", "qualified"]},
    "status": {"type": "string", "maxLength": 64},
    "created_at": {"type": "string", "maxLength": 64},
    "sent_at": {"type": "string", "maxLength": 64},
    "expires_at": {"type": "string", "maxLength": 64},
    "completed_at": {"type": "string", "maxLength": 64},
    "metadata": {"type": "object"}
  }
})";

constexpr std::string_view recipient_schema = R"({
  "type": "object",
  "properties": {
    "id": {"type": "string", "maxLength": 200},
    "name": {"type": "string", "maxLength": 400},
    "email": {"type": "string", "maxLength": 254},
    "role": {"type": "string", "maxLength": 64},
    "order": {"type": "integer", "minimum": 0, "maximum": 1000},
    "status": {"type": "string", "maxLength": 64},
    "reason": {"type": "string", "maxLength": 4096}
  }
})";

constexpr std::string_view file_schema = R"({
  "type": "object",
  "properties": {
    "file_id": {"type": "string", "maxLength": 64},
    "name": {"type": "string", "maxLength": 1024},
    "media_type": {"type": "string", "maxLength": 256},
    "bytes": {"type": "integer", "minimum": 0},
    "sha256": {"type": "string", "minLength": 64, "maxLength": 64},
    "url": {"type": "string", "maxLength": 2048},
    "expires_at": {"type": "string", "maxLength": 64}
  }
})";

json::Value list_of(json::Value items, std::int64_t items_max) {
    return json::Object{{"type", "array"}, {"maxItems", items_max}, {"items", std::move(items)}};
}

std::vector<std::string_view> required_of(EventType type) {
    switch (type) {
        case EventType::envelope_completed:
            return {"envelope", "files"};
        case EventType::envelope_declined:
            return {"envelope", "reason"};
        case EventType::envelope_expired:
            return {"envelope", "missing_recipients"};
        case EventType::evidence_ready:
            return {"envelope", "files"};
        default:
            break;
    }
    switch (group_of(type)) {
        case EventGroup::envelope:
        case EventGroup::evidence:
            return {"envelope"};
        case EventGroup::recipient:
            return {"envelope", "recipient"};
        case EventGroup::document:
            return {"document"};
        case EventGroup::source:
            return {};
    }
    return {};
}

json::Value files_schema(EventType type) {
    json::Object out;
    out.append("type", "object");
    json::Array required;
    if (type == EventType::envelope_completed) required = {"signed_pdf", "audit_trail"};
    if (type == EventType::evidence_ready) required = {"audit_trail"};
    if (!required.empty()) out.append("required", std::move(required));
    const json::Value file = parsed(file_schema);
    out.append("properties",
               json::Object{
                   {"signed_pdf", file}, {"audit_trail", file}, {"originals", list_of(file, 100)}});
    return out;
}

const std::map<EventType, SchemaCheck>& checks() {
    static const auto* const compiled = [] {
        auto* made = new std::map<EventType, SchemaCheck>;
        for (const EventType type : all_event_types()) {
            auto check = SchemaCheck::compile(schema_of(type));
            INVARIANT(check.has_value());
            made->emplace(type, *std::move(check));
        }
        return made;
    }();
    return *compiled;
}

struct Meaning {
    EventType type;
    std::string_view text;
};

constexpr Meaning meanings[] = {
    {EventType::envelope_created, "An envelope was created as a draft."},
    {EventType::envelope_sent, "The envelope went out to its recipients."},
    {EventType::envelope_delivered, "Everybody who must act has seen the envelope."},
    {EventType::envelope_partially_signed, "One more has signed, others are to follow."},
    {EventType::envelope_all_signed, "The last required signature was given."},
    {EventType::envelope_completed,
     "All have signed, and the signed PDF and the audit trail can be fetched."},
    {EventType::envelope_declined, "A recipient refused, with the reason."},
    {EventType::envelope_expired, "The time is up; the missing signers are named."},
    {EventType::envelope_voided, "The sender withdrew the envelope."},
    {EventType::envelope_returned, "The envelope went back to its sender."},
    {EventType::envelope_resubmitted, "A returned envelope went out again."},
    {EventType::envelope_corrected, "Recipients were changed while it was under way."},
    {EventType::envelope_reminder_sent, "Recipients were reminded."},
    {EventType::envelope_deleted, "A draft was deleted."},
    {EventType::envelope_failed, "The signing application gave the envelope up."},
    {EventType::recipient_notified, "The recipient got the invitation."},
    {EventType::recipient_delivery_failed, "The invitation did not reach the recipient."},
    {EventType::recipient_viewed, "The recipient opened the document for the first time."},
    {EventType::recipient_authenticated, "The recipient proved who they are."},
    {EventType::recipient_authentication_failed, "The recipient failed to prove it."},
    {EventType::recipient_started, "The recipient began to fill in or to sign."},
    {EventType::recipient_signed, "The recipient signed."},
    {EventType::recipient_approved, "The recipient approved."},
    {EventType::recipient_declined, "The recipient refused."},
    {EventType::recipient_expired, "The time is up, and the recipient did not act."},
    {EventType::recipient_reassigned, "Somebody else takes the recipient's place."},
    {EventType::recipient_reminded, "The recipient was reminded."},
    {EventType::recipient_removed, "The recipient was taken out."},
    {EventType::evidence_ready, "The audit trail is stored and can be fetched."},
    {EventType::document_validated, "An accounting document was validated."},
    {EventType::document_dispatched, "A document went out to the accounting system."},
    {EventType::document_posted, "The accounting system accepted a document."},
    {EventType::document_post_failed, "The accounting system did not accept it."},
    {EventType::source_unknown, "A source sent something that has no other name."},
};

}  // namespace

json::Value schema_of(EventType type) {
    json::Object out;
    out.append("$schema", "http://json-schema.org/draft-07/schema#");
    out.append("title", std::string{to_text(type)} + " data");
    out.append("type", "object");
    json::Array required;
    for (const std::string_view name : required_of(type)) required.emplace_back(name);
    if (!required.empty()) out.append("required", std::move(required));
    json::Object properties;
    if (group_of(type) == EventGroup::document) {
        properties.append("document", json::Object{{"type", "object"}});
    } else if (group_of(type) != EventGroup::source) {
        properties.append("envelope", parsed(envelope_schema));
        properties.append("recipient", parsed(recipient_schema));
        properties.append("recipients", list_of(parsed(recipient_schema), 1'000));
        properties.append("files", files_schema(type));
        properties.append("reason", json::Object{{"type", "string"}, {"maxLength", 4096}});
        properties.append("missing_recipients", list_of(parsed(recipient_schema), 1'000));
    }
    properties.append("metadata", json::Object{{"type", "object"}});
    out.append("properties", std::move(properties));
    return out;
}

std::string_view meaning_of(EventType type) {
    for (const Meaning& meaning : meanings)
        if (meaning.type == type) return meaning.text;
    return "";
}

Result<> check_event_data(EventType type, const json::Value& data) {
    return checks().at(type).check(data, "/data");
}

}  // namespace blotter::intake
