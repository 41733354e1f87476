#include "envelopes/event_data.hpp"

#include "envelopes/machine.hpp"

namespace blotter::envelopes {
namespace {

void append_time(json::Object& out, const char* name, const std::optional<Timestamp>& at) {
    if (at) out.append(name, to_rfc3339(*at));
}

json::Value envelope_part(const Envelope& e) {
    json::Object out;
    out.append("id", e.id.text());
    if (!e.external_id.empty()) out.append("external_id", e.external_id);
    out.append("title", e.title);
    out.append("level", to_text(e.level));
    out.append("status", to_text(e.state));
    out.append("created_at", to_rfc3339(e.created_at));
    append_time(out, "sent_at", e.sent_at);
    append_time(out, "expires_at", e.expires_at);
    append_time(out, "completed_at", e.completed_at);
    out.append("metadata", e.metadata);
    return out;
}

json::Value files_part(const Envelope& e) {
    json::Object out;
    json::Array originals;
    for (const EnvelopeFile& file : e.files) {
        if (file.kind == FileKind::signed_pdf || file.kind == FileKind::audit_trail)
            out.set(to_text(file.kind), file_to_json(file));
        else if (file.kind == FileKind::original)
            originals.push_back(file_to_json(file));
    }
    if (!originals.empty()) out.append("originals", std::move(originals));
    return out;
}

bool carries_reason(EventType type) {
    switch (type) {
        case EventType::envelope_declined:
        case EventType::envelope_voided:
        case EventType::envelope_returned:
        case EventType::envelope_failed:
            return true;
        default:
            return false;
    }
}

}  // namespace

json::Value recipient_to_json(const Recipient& r) {
    json::Object out;
    out.append("id", r.id.text());
    out.append("name", r.name);
    out.append("email", r.email);
    out.append("role", to_text(r.role));
    out.append("order", static_cast<std::int64_t>(r.order));
    out.append("status", to_text(r.state));
    append_time(out, "notified_at", r.notified_at);
    append_time(out, "viewed_at", r.viewed_at);
    append_time(out, "authenticated_at", r.authenticated_at);
    append_time(out, "acted_at", r.acted_at);
    if (!r.reason.empty()) out.append("reason", r.reason);
    return out;
}

json::Value file_to_json(const EnvelopeFile& f) {
    json::Object out;
    out.append("file_id", f.id.text());
    out.append("name", f.name);
    out.append("media_type", f.media_type);
    out.append("bytes", static_cast<std::int64_t>(f.bytes));
    out.append("sha256", f.sha256);
    return out;
}

json::Value event_data(const Envelope& e, EventType type,
                       const std::optional<RecipientId>& recipient) {
    json::Object out;
    out.append("envelope", envelope_part(e));
    if (recipient)
        if (const Recipient* r = e.recipient(*recipient))
            out.append("recipient", recipient_to_json(*r));
    json::Array recipients;
    for (const Recipient& r : e.recipients) recipients.push_back(recipient_to_json(r));
    out.append("recipients", std::move(recipients));
    out.append("files", files_part(e));
    if (carries_reason(type)) out.append("reason", e.reason);
    if (type == EventType::envelope_expired) {
        json::Array missing;
        for (const Recipient& r : e.recipients)
            if (r.state == RecipientState::expired) missing.push_back(recipient_to_json(r));
        out.append("missing_recipients", std::move(missing));
    }
    return out;
}

}  // namespace blotter::envelopes
