#include "intake/event_schemas.hpp"

#include <array>
#include <map>

#include "base/invariant.hpp"
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

json::Value parsed(std::string_view text) {
    auto value = json::parse(text);
    INVARIANT(value.has_value());
    return *std::move(value);
}

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

json::Value example_of(EventType type) {
    const json::Value person = parsed(
        R"({"name":"Camille Martin","email":"camille@supplier.example","role":"signer","order":1})");
    const json::Value file =
        parsed(R"({"name":"contrat.pdf","media_type":"application/pdf","bytes":48213,)"
               R"("sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})");
    json::Object out;
    if (group_of(type) == EventGroup::document) {
        out.append("document", parsed(R"({"number":"INV-2026-0042","total":"15000.00"})"));
        return out;
    }
    if (group_of(type) == EventGroup::source) return out;
    out.append(
        "envelope",
        parsed(R"({"id":"env_01J9ZC3M4N8Q5RSTVWXYZ01234","title":"Contrat fournisseur",)"
               R"("level":"advanced","metadata":{"type":"contrat_fournisseur",)"
               R"("montant_ht":12500,"compte_comptable":"607","fournisseur_id":"F-2891"}})"));
    for (const std::string_view name : required_of(type)) {
        if (name == "recipient") out.append("recipient", person);
        if (name == "reason") out.append("reason", "the amount is wrong");
        if (name == "missing_recipients") out.append("missing_recipients", json::Array{person});
        if (name == "files")
            out.append("files", json::Object{{"signed_pdf", file}, {"audit_trail", file}});
    }
    return out;
}

std::string_view meaning_of(EventType type) {
    switch (type) {
        case EventType::envelope_created:
            return "An envelope was created as a draft.";
        case EventType::envelope_sent:
            return "The envelope went out to its recipients.";
        case EventType::envelope_delivered:
            return "Everybody who must act has seen the envelope.";
        case EventType::envelope_partially_signed:
            return "One more has signed, others are to follow.";
        case EventType::envelope_all_signed:
            return "The last required signature was given.";
        case EventType::envelope_completed:
            return "All have signed, and the signed PDF and the audit trail can be fetched.";
        case EventType::envelope_declined:
            return "A recipient refused, with the reason.";
        case EventType::envelope_expired:
            return "The time is up; the missing signers are named.";
        case EventType::envelope_voided:
            return "The sender withdrew the envelope.";
        case EventType::envelope_returned:
            return "The envelope went back to its sender.";
        case EventType::envelope_resubmitted:
            return "A returned envelope went out again.";
        case EventType::envelope_corrected:
            return "Recipients were changed while it was under way.";
        case EventType::envelope_reminder_sent:
            return "Recipients were reminded.";
        case EventType::envelope_deleted:
            return "A draft was deleted.";
        case EventType::envelope_failed:
            return "The signing application gave the envelope up.";
        case EventType::recipient_notified:
            return "The recipient got the invitation.";
        case EventType::recipient_delivery_failed:
            return "The invitation did not reach the recipient.";
        case EventType::recipient_viewed:
            return "The recipient opened the document for the first time.";
        case EventType::recipient_authenticated:
            return "The recipient proved who they are.";
        case EventType::recipient_authentication_failed:
            return "The recipient failed to prove it.";
        case EventType::recipient_started:
            return "The recipient began to fill in or to sign.";
        case EventType::recipient_signed:
            return "The recipient signed.";
        case EventType::recipient_approved:
            return "The recipient approved.";
        case EventType::recipient_declined:
            return "The recipient refused.";
        case EventType::recipient_expired:
            return "The recipient's own time is up.";
        case EventType::recipient_reassigned:
            return "Somebody else takes the recipient's place.";
        case EventType::recipient_reminded:
            return "The recipient was reminded.";
        case EventType::recipient_removed:
            return "The recipient was taken out.";
        case EventType::evidence_ready:
            return "The audit trail is stored and can be fetched.";
        case EventType::document_validated:
            return "An accounting document was validated.";
        case EventType::document_dispatched:
            return "A document went out to the accounting system.";
        case EventType::document_posted:
            return "The accounting system accepted a document.";
        case EventType::document_post_failed:
            return "The accounting system did not accept it.";
        case EventType::source_unknown:
            return "A source sent something that has no other name.";
    }
    return "";
}

Result<> check_event_data(EventType type, const json::Value& data) {
    return checks().at(type).check(data, "/data");
}

}  // namespace blotter::intake
