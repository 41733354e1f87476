#include "envelopes/audit_trail.hpp"

#include <fmt/format.h>

#include "envelopes/pdf_page.hpp"

namespace blotter::envelopes {
namespace {

std::string_view level_in_words(SignatureLevel level) {
    switch (level) {
        case SignatureLevel::simple:
            return "simple electronic signature";
        case SignatureLevel::advanced:
            return "advanced electronic signature, as declared by the signing application";
        case SignatureLevel::qualified:
            return "qualified electronic signature, as declared by the signing application";
    }
    return "unknown";
}

std::string when(const std::optional<Timestamp>& at) {
    return at ? to_rfc3339(*at) : "—";
}
std::string or_dash(const std::string& text) {
    return text.empty() ? "—" : text;
}

void write_envelope(PdfReport& pdf, const Envelope& e, const AuditTrailContext& context) {
    pdf.title("Audit trail");
    pdf.paragraph(e.title);
    pdf.gap();
    pdf.pair("Envelope", e.id.text());
    if (!e.external_id.empty()) pdf.pair("External id", e.external_id);
    pdf.pair("Sender", context.workspace);
    pdf.pair("Signature level", level_in_words(e.level));
    pdf.pair("Created", to_rfc3339(e.created_at));
    pdf.pair("Sent", when(e.sent_at));
    pdf.pair("Expires", when(e.expires_at));
    pdf.pair("Written", to_rfc3339(context.written_at));
    pdf.heading("What this document is");
    pdf.paragraph(
        "This audit trail was written automatically by Blotter from the reports of the signing "
        "application. It is NOT a qualified electronic document, carries no qualified time stamp "
        "and no qualified seal in the meaning of Regulation (EU) No 910/2014. "
        "Times, identities and addresses are those that the signing application reported; the "
        "ledger has the time at which each report arrived.");
}

void write_recipient(PdfReport& pdf, const Recipient& r) {
    pdf.gap();
    pdf.pair("Name", r.name);
    pdf.pair("E-mail", r.email);
    if (!r.phone.empty()) pdf.pair("Telephone", r.phone);
    pdf.pair("Role, order", fmt::format("{}, {}", to_text(r.role), r.order));
    pdf.pair("State", to_text(r.state));
    pdf.pair("Notified", when(r.notified_at));
    pdf.pair("Viewed", when(r.viewed_at));
    pdf.pair("Authenticated", r.authenticated_at
                                  ? fmt::format("{} by {}", to_rfc3339(*r.authenticated_at),
                                                or_dash(r.presence.method))
                                  : "—");
    pdf.pair("Acted", when(r.acted_at));
    pdf.pair("IP address", or_dash(r.presence.ip));
    pdf.pair("User agent", or_dash(r.presence.user_agent));
    if (!r.reason.empty()) pdf.pair("Reason", r.reason);
}

void write_files(PdfReport& pdf, const Envelope& e) {
    pdf.heading("Files");
    for (const EnvelopeFile& file : e.files) {
        pdf.pair(std::string{to_text(file.kind)},
                 fmt::format("{} ({}, {} bytes)", file.name, file.media_type, file.bytes));
        pdf.fixed("SHA-256 " + file.sha256);
    }
}

void write_notes(PdfReport& pdf, const Envelope& e) {
    pdf.heading("Event log");
    std::size_t n = 0;
    for (const EnvelopeNote& note : e.notes) {
        const Recipient* r = note.recipient ? e.recipient(*note.recipient) : nullptr;
        std::string line = fmt::format("{:>3}  {}  {}", ++n, to_rfc3339(note.at), note.what);
        if (r != nullptr) line += fmt::format("  {} <{}>", r->name, r->email);
        if (!note.presence.ip.empty()) line += "  from " + note.presence.ip;
        if (!note.presence.method.empty()) line += "  by " + note.presence.method;
        if (!note.detail.empty()) line += "  \"" + note.detail + "\"";
        pdf.fixed(line);
    }
}

}  // namespace

Result<std::string> write_audit_trail(const Envelope& e, const AuditTrailContext& context) {
    PdfReport pdf{
        {.title = "Audit trail: " + e.title,
         .subject = e.id.text(),
         .footer = "Audit trail of " + e.id.text() + ", non-qualified, Blotter " + context.version,
         .created_at = context.written_at}};
    write_envelope(pdf, e, context);
    pdf.heading("Recipients");
    for (const Recipient& r : e.recipients) write_recipient(pdf, r);
    write_files(pdf, e);
    write_notes(pdf, e);
    pdf.heading("Ledger");
    pdf.paragraph(
        "Every step above that is an event of the envelope is a leaf of the append-only log named "
        "here. The checkpoint is signed (C2SP signed note, Ed25519) and can be checked without "
        "Blotter. " +
        std::string{context.coverage == Coverage::all
                        ? "It covers all of these events."
                        : "It was signed before the latest of these events; a later one covers "
                          "them, and the proof of each names it."});
    pdf.pair("Log", context.origin);
    pdf.fixed(context.checkpoint.empty() ? "No checkpoint was signed yet." : context.checkpoint);
    return pdf.finish();
}

}  // namespace blotter::envelopes
