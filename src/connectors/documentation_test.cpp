// The bodies and signatures shown in docs/formats/webhooks.md are those that this code makes.
#include <fstream>
#include <numeric>
#include <sstream>

#include <gtest/gtest.h>

#include "connectors/event_body.hpp"
#include "connectors/links.hpp"
#include "envelopes/event_data.hpp"
#include "security/compat_signature.hpp"
#include "security/standard_webhooks.hpp"

namespace blotter::connectors {
namespace {

constexpr std::string_view example_secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr std::string_view own_secret = "example secret, known to everybody";

std::string read_page() {
    std::ifstream file{BLOTTER_SOURCE_DIR "/docs/formats/webhooks.md"};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The fenced block "```json NAME", without its last line end.
std::string block(const std::string& page, const std::string& name) {
    const std::string fence = "```json " + name + "\n";
    const std::size_t at = page.find(fence);
    if (at == std::string::npos) return "there is no such block";
    const std::size_t begin = at + fence.size();
    return page.substr(begin, page.find("\n```", begin) - begin);
}

Timestamp at(std::string_view text) {
    return parse_rfc3339(text).value();
}

Recipient person(std::string_view id, std::string name, std::string email) {
    Recipient out;
    out.id = RecipientId::parse(id).value();
    out.name = std::move(name);
    out.email = std::move(email);
    out.state = RecipientState::signed_;
    return out;
}

EnvelopeFile file(std::string_view id, FileKind kind, std::string name) {
    EnvelopeFile out;
    out.id = FileId::parse(id).value();
    out.kind = kind;
    out.media_type = "application/pdf";
    out.sha256 = to_hex(sha256(name));
    out.bytes = 48'213;
    out.name = std::move(name);
    return out;
}

/// The supplier contract of the page, signed by both.
EventFacts completed() {
    Envelope e;
    e.id = EnvelopeId::parse("env_01KSJ40000000000000000000A").value();
    e.external_id = "PO-77";
    e.title = "Contrat fournisseur F-2891";
    e.level = SignatureLevel::advanced;
    e.state = EnvelopeState::completed;
    e.created_at = at("2026-05-26T13:02:11.480Z");
    e.sent_at = at("2026-05-26T13:02:12.007Z");
    e.completed_at = at("2026-05-26T14:32:00.123Z");
    e.metadata = json::parse(R"({"type":"contrat_fournisseur","montant_ht":12500.10,)"
                             R"("compte_comptable":"607","fournisseur_id":"F-2891"})")
                     .value();
    e.recipients.push_back(
        person("rcp_01KSJ40000000000000000000B", "Camille Martin", "camille@supplier.example"));
    e.recipients.push_back(
        person("rcp_01KSJ40000000000000000000C", "Noa Petit", "noa@buyer.example"));
    e.recipients[0].acted_at = at("2026-05-26T13:40:05.900Z");
    e.recipients[1].acted_at = at("2026-05-26T14:31:58.214Z");
    e.recipients[1].order = 2;
    e.files = {file("file_01KSJ40000000000000000000D", FileKind::signed_pdf, "contrat-signed.pdf"),
               file("file_01KSJ40000000000000000000E", FileKind::audit_trail, "audit-trail.pdf")};
    EventFacts out;
    out.seq = 1'042;
    out.id = EventId::parse("evt_01KSJ4V5RV0000000000000001").value();
    out.type = EventType::envelope_completed;
    out.occurred_at = out.accepted_at = *e.completed_at;
    out.workspace_id = "ws_01KSJ0000000000000000000W1";
    out.entity_id = "ent_01KSJ0000000000000000000E1";
    out.data = envelopes::event_data(e, out.type, std::nullopt);
    return out;
}

std::string body(BodyFormat format) {
    const LinkSigner signer{security::Secret::copy_of(std::string(32, 'k')),
                            "https://blotter.example.com"};
    const EventFacts event = completed();
    const Links links{[&](const FileId& id) { return signer.url({event.seq, 3, id}); },
                      event.accepted_at + std::chrono::minutes{30}};
    return render_body(event, format, false, links);
}

std::vector<security::WebhookSecret> secrets(std::initializer_list<std::string_view> texts) {
    std::vector<security::WebhookSecret> out;
    for (const std::string_view text : texts)
        out.push_back(security::WebhookSecret::parse(text).value());
    return out;
}

constexpr std::chrono::sys_seconds signed_at{std::chrono::seconds{1'779'805'920}};

std::string standard(std::initializer_list<std::string_view> texts) {
    const std::string flat = body(BodyFormat::flat);
    return security::WebhookSigner::create(secrets(texts))
        .value()
        .sign({completed().id.text(), signed_at, as_bytes(flat)})
        .value();
}

std::string compatible(security::CompatForm form) {
    std::string out;
    security::CompatSigner::create(form, secrets({example_secret}))
        .value()
        .append_signature(out, signed_at, as_bytes(body(BodyFormat::flat)));
    return out;
}

TEST(WebhookPage, shows_the_standard_body) {
    EXPECT_EQ(block(read_page(), "standard"),
              json::to_pretty_text(json::parse(body(BodyFormat::standard)).value()));
}

TEST(WebhookPage, shows_the_flat_body) {
    EXPECT_EQ(block(read_page(), "flat"),
              json::to_pretty_text(json::parse(body(BodyFormat::flat)).value()));
}

TEST(WebhookPage, recomputes_the_signatures_that_this_code_makes) {
    const std::string page = read_page();
    const auto expect_line = [&](const std::string& line) {
        EXPECT_TRUE(page.contains("\n" + line + "\n")) << line;
    };
    expect_line("body='" + body(BodyFormat::flat) + "'");
    expect_line("secret=" + std::string{example_secret});
    expect_line("# => " + standard({example_secret}));
    expect_line("# => " + standard({own_secret, example_secret}));
    expect_line("# => " + compatible(security::CompatForm::hex_of_body));
    expect_line("# => " + compatible(security::CompatForm::time_and_hex));
    Bytes seed(32);
    std::iota(seed.begin(), seed.end(), std::uint8_t{0});
    const std::string pair = "whsk_" + to_base64(seed);
    expect_line("# => " + standard({pair}));
    expect_line("# => " + std::string{security::WebhookSecret::parse(pair)->public_text().value()});
}

}  // namespace
}  // namespace blotter::connectors
