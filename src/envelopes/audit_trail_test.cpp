#include "envelopes/audit_trail.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace blotter::envelopes {
namespace {

Envelope sealed_envelope(int notes) {
    Envelope e;
    e.title = "Contrat fournisseur n° 2891 – Ørsted & fils <b>";
    e.state = EnvelopeState::sealing;
    e.sent_at = from_ms(1'779'800'000'000);
    Recipient r;
    r.id.value[15] = 1;
    r.name = "Zoë Müller Łukasz Ζωή Иван";
    r.email = "zoe@x.example";
    r.state = RecipientState::signed_;
    r.acted_at = from_ms(1'779'800'100'000);
    r.authenticated_at = from_ms(1'779'800'090'000);
    r.presence = {"203.0.113.9", "Mozilla/5.0", "email_otp"};
    e.recipients.push_back(r);
    e.files.push_back({FileId{}, FileKind::original, "contrat.pdf", "application/pdf", 12345,
                       std::string(64, 'a')});
    for (int i = 0; i < notes; ++i)
        e.notes.push_back(
            {from_ms(1'779'800'000'000 + i), "recipient.viewed", r.id, r.presence, ""});
    return e;
}

/// The text as a foreign program (poppler's pdftotext) reads it.
std::string text_of(const std::string& pdf) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("blotter-audit-" + std::to_string(::getpid()) + ".pdf");
    std::ofstream{path, std::ios::binary} << pdf;
    std::string out;
    if (FILE* pipe = ::popen(("pdftotext -layout " + path.string() + " - 2>&1").c_str(), "r")) {
        char buffer[4096];
        while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe))
            out.append(buffer, got);
        ::pclose(pipe);
    }
    std::filesystem::remove(path);
    return out;
}

TEST(AuditTrail, says_who_how_when_and_what_in_text_that_others_can_read) {
    const AuditTrailContext context{from_ms(1'779'800'200'000), "Atelier", "blotter.example/ws_1",
                                    "blotter.example/ws_1\n42\nabc=\n", "0.1.0"};
    const auto pdf = write_audit_trail(sealed_envelope(3), context);
    ASSERT_TRUE(pdf);
    EXPECT_TRUE(pdf->starts_with("%PDF-"));
    const std::string text = text_of(*pdf);
    for (const auto* expected :
         {"Contrat fournisseur n° 2891", "<b>", "Zoë Müller Łukasz Ζωή Иван", "zoe@x.example",
          "203.0.113.9", "email_otp", "2026-05-26T12:55:00.000Z", "NOT a qualified",
          "blotter.example/ws_1", "simple electronic signature", "aaaaaaaaaaaaaaaa"})
        EXPECT_TRUE(text.contains(expected)) << expected << " is missing in\n" << text;
}

TEST(AuditTrail, a_long_event_log_goes_on_over_pages) {
    const auto pdf = write_audit_trail(sealed_envelope(400), {.version = "0.1.0"});
    ASSERT_TRUE(pdf);
    const std::string text = text_of(*pdf);
    EXPECT_TRUE(text.contains("400 2026-05-26"));
    EXPECT_TRUE(text.contains("page 4"));
}

}  // namespace
}  // namespace blotter::envelopes
