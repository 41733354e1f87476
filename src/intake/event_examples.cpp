// What an event of each type looks like: the same members that real ones have, but for what only a
// stored file can have.
#include "intake/event_schemas.hpp"
#include "intake/literal.hpp"

namespace blotter::intake {
namespace {

struct Standing {
    std::string_view envelope;
    std::string_view recipient;
};

/// How far the envelope is, and its signer, when the event happens.
Standing standing_at(EventType type) {
    switch (type) {
        case EventType::envelope_created:
        case EventType::envelope_deleted:
            return {"draft", "created"};
        case EventType::envelope_sent:
        case EventType::envelope_resubmitted:
        case EventType::envelope_corrected:
        case EventType::recipient_notified:
        case EventType::recipient_reassigned:
            return {"sent", "notified"};
        case EventType::recipient_delivery_failed:
            return {"sent", "delivery_failed"};
        case EventType::recipient_authenticated:
            return {"in_progress", "authenticated"};
        case EventType::recipient_started:
            return {"in_progress", "started"};
        case EventType::envelope_partially_signed:
        case EventType::recipient_signed:
            return {"in_progress", "signed"};
        case EventType::recipient_approved:
            return {"in_progress", "approved"};
        case EventType::envelope_all_signed:
        case EventType::evidence_ready:
            return {"sealing", "signed"};
        case EventType::envelope_completed:
            return {"completed", "signed"};
        case EventType::envelope_declined:
        case EventType::recipient_declined:
            return {"declined", "declined"};
        case EventType::envelope_expired:
        case EventType::recipient_expired:
            return {"expired", "expired"};
        case EventType::envelope_voided:
            return {"voided", "viewed"};
        case EventType::envelope_returned:
            return {"returned", "viewed"};
        case EventType::envelope_failed:
            return {"failed", "viewed"};
        case EventType::recipient_removed:
            return {"in_progress", "removed"};
        default:
            return {"in_progress", "viewed"};
    }
}

json::Value example_envelope(std::string_view status) {
    json::Value out = parsed(
        R"({"id":"env_01J9ZC3M4N8Q5RSTVWXYZ01234","title":"Contrat fournisseur","level":"advanced"})");
    json::Object& envelope = *out.as_object();
    envelope.append("status", status);
    envelope.append("created_at", "2026-06-22T08:30:00.000Z");
    if (status != "draft") envelope.append("sent_at", "2026-06-22T08:31:00.000Z");
    if (status == "completed") envelope.append("completed_at", "2026-06-26T10:00:03.000Z");
    envelope.append("metadata", parsed(R"({"type":"contrat_fournisseur","montant_ht":12500,)"
                                       R"("compte_comptable":"607","fournisseur_id":"F-2891"})"));
    return out;
}

json::Value example_recipient(std::string_view status) {
    json::Value out = parsed(R"({"id":"rcp_01J9ZC3M4N8Q5RSTVWXYZ01234","name":"Camille Martin",)"
                             R"("email":"camille@supplier.example","role":"signer","order":1})");
    json::Object& recipient = *out.as_object();
    recipient.append("status", status);
    const bool acted = status == "signed" || status == "approved" || status == "declined";
    if (acted) recipient.append("acted_at", "2026-06-26T09:59:58.000Z");
    return out;
}

}  // namespace

json::Value example_of(EventType type) {
    json::Object out;
    const EventGroup group = group_of(type);
    if (group == EventGroup::document) {
        out.append("document", parsed(R"({"number":"INV-2026-0042","total":"15000.00"})"));
        return out;
    }
    if (group == EventGroup::source) return out;
    const Standing standing = standing_at(type);
    const json::Value person = example_recipient(standing.recipient);
    out.append("envelope", example_envelope(standing.envelope));
    if (group == EventGroup::recipient) out.append("recipient", person);
    out.append("recipients", json::Array{person});
    if (type == EventType::envelope_completed || type == EventType::evidence_ready) {
        const json::Value file =
            parsed(R"({"name":"contrat.pdf","media_type":"application/pdf","bytes":48213,"sha256":)"
                   R"("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})");
        out.append("files", json::Object{{"signed_pdf", file}, {"audit_trail", file}});
    }
    if (type == EventType::envelope_declined) out.append("reason", "the amount is wrong");
    if (type == EventType::envelope_expired) out.append("missing_recipients", json::Array{person});
    return out;
}

}  // namespace blotter::intake
