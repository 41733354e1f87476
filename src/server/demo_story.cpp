#include "server/demo_story.hpp"

#include <array>

#include "envelopes/pdf_page.hpp"
#include "runtime/entropy.hpp"
#include "security/compat_signature.hpp"
#include "security/webhook_secret.hpp"
#include "server/random.hpp"

namespace blotter::server {
namespace {

using Which = DemoReceivers::Which;

constexpr std::string_view title = "Contrat fournisseur F-2891";
constexpr std::string_view original_name = "contrat-fournisseur.pdf";
constexpr std::string_view compatibility_header = "X-Certyneo-Signature";

/// "14:32:00.123" of an RFC 3339 time.
std::string clock_of(const std::string& rfc3339) {
    const std::size_t at = rfc3339.find('T');
    return at == std::string::npos ? rfc3339 : rfc3339.substr(at + 1, 12);
}

std::string hash_of(std::string_view content) {
    return to_hex(sha256(content));
}

/// The text of the contract; what is added behind it makes another document.
void write_contract(envelopes::PdfReport& pdf) {
    pdf.title("Contrat fournisseur");
    pdf.pair("Fournisseur", "F-2891");
    pdf.pair("Montant HT", "12 500,00 EUR");
    pdf.pair("Compte comptable", "607");
    pdf.heading("Objet");
    pdf.paragraph(
        "Le fournisseur livre les marchandises décrites en annexe au prix convenu. La facture est "
        "payable à trente jours.");
}

envelopes::PdfReport::Options pdf_options(std::string_view subject) {
    return {.title = std::string{title},
            .subject = std::string{subject},
            .footer = std::string{title},
            .created_at = runtime::SystemClock{}.wall()};
}

}  // namespace

Result<> DemoStory::expect(bool holds, std::string_view what) {
    if (holds) return {};
    return fail(Errc::internal, std::string{what});
}

Result<> DemoStory::play() {
    CHECK(make_workspace());
    CHECK(make_destinations());
    CHECK(create_envelope());
    CHECK(sign_envelope());
    CHECK(complete_envelope());
    CHECK(show_ledger());
    CHECK(show_accounting());
    CHECK(show_erp());
    CHECK(show_quarantine());
    CHECK(show_failing());
    CHECK(prove_completed());
    return verify_ledger();
}

Result<> DemoStory::make_workspace() {
    chapter("A workspace, and three receivers on this machine");
    api_.use_key(place_.owner_key);
    TRY(const auto workspace, api_.post("/v1/workspaces", json::Object{{"name", "Demo"}}));
    workspace_ = text_at(workspace, "/id");
    TRY(const auto key,
        api_.post("/v1/workspaces/" + workspace_ + "/api-keys",
                  json::Object{{"name", "Signing application"}, {"role", "admin"}}));
    api_.use_key(text_at(key, "/key"));
    done("workspace {}, with a key for the signing application", workspace_);
    return {};
}

Result<> DemoStory::make_destination(Which which, std::string_view words, json::Object body) {
    TRY(const auto made, api_.post("/v1/destinations", body));
    const std::string id = text_at(made, "/id");
    destinations_.push_back(id);
    const std::string secret = text_at(made, "/signing_secret");
    CHECK(place_.receivers.set_secret(which, secret.empty() ? erp_secret_ : secret));
    done("{} {}", id, words);
    return {};
}

Result<> DemoStory::make_destinations() {
    const DemoReceivers& receivers = place_.receivers;
    CHECK(
        make_destination(Which::accounting,
                         "\"Accounting\": every event, standard format, the secret made by Blotter",
                         {{"name", "Accounting"},
                          {"kind", "webhook"},
                          {"config", json::Object{{"url", receivers.url(Which::accounting)},
                                                  {"event_types", json::Array{"*"}}}}}));
    runtime::SystemEntropy entropy;
    RandomFrom random{entropy};
    const auto secret = security::WebhookSecret::generate_hmac(random);
    erp_secret_ = std::string{secret.text().expose_text()};
    CHECK(make_destination(
        Which::erp,
        "\"ERP\": completed contracts of 1,000 and more,\n      flat format with "
        "X-Certyneo-Signature, a secret of its own",
        {{"name", "ERP"},
         {"kind", "webhook"},
         {"signing_secret", erp_secret_},
         {"config", json::Object{{"url", receivers.url(Which::erp)},
                                 {"event_types", json::Array{"envelope.completed"}},
                                 {"filter", "data.envelope.metadata.montant_ht >= 1000"},
                                 {"format", "flat"},
                                 {"compatibility_scheme", "hex_body"},
                                 {"compatibility_header", compatibility_header}}}}));
    return make_destination(
        Which::archive, "\"Archive\": completed contracts; it is down and answers 503",
        {{"name", "Archive"},
         {"kind", "webhook"},
         {"config", json::Object{{"url", receivers.url(Which::archive)},
                                 {"event_types", json::Array{"envelope.completed"}}}}});
}

Result<> DemoStory::create_envelope() {
    chapter("A contract is sent to two people");
    envelopes::PdfReport report{pdf_options("original")};
    write_contract(report);
    TRY(const std::string pdf, report.finish());
    TRY(const auto file, api_.upload(std::string{original_name}, pdf));
    const std::string sha256 = text_at(file, "/sha256");
    CHECK(expect(sha256 == hash_of(pdf), "the uploaded PDF has another SHA-256 than was stored"));
    done("{} uploaded: {} bytes, SHA-256 {}…", original_name, pdf.size(), sha256.substr(0, 16));
    const json::Value metadata = json::Object{{"type", "contrat_fournisseur"},
                                              {"montant_ht", 12500},
                                              {"compte_comptable", "607"},
                                              {"fournisseur_id", "F-2891"}};
    json::Array recipients{json::Object{{"name", "Camille Martin"},
                                        {"email", "camille@supplier.example"},
                                        {"role", "signer"},
                                        {"order", 1}},
                           json::Object{{"name", "Noa Petit"},
                                        {"email", "noa@buyer.example"},
                                        {"role", "signer"},
                                        {"order", 2}}};
    TRY(envelope_,
        api_.post("/v1/envelopes",
                  json::Object{{"title", title},
                               {"level", "advanced"},
                               {"metadata", metadata},
                               {"recipients", std::move(recipients)},
                               {"files", json::Array{json::Object{{"file_id", text_at(file, "/id")},
                                                                  {"kind", "original"}}}}}));
    const json::Value* kept = envelope_.find("metadata");
    CHECK(expect(kept != nullptr && *kept == metadata, "the metadata was not kept as it was sent"));
    done("envelope {} with\n      {}", text_at(envelope_, "/id"), json::to_text(metadata));
    const std::string path = "/v1/envelopes/" + text_at(envelope_, "/id");
    TRY(const auto sent, api_.post(path + "/send", json::Object{}));
    CHECK(expect(text_at(sent, "/status") == "sent", "the envelope was not sent"));
    done("sent to Camille Martin, then to Noa Petit");
    return {};
}

Result<> DemoStory::sign_envelope() {
    chapter("Both sign, one after the other");
    constexpr std::array<Signer, 2> signers{
        {{"Camille Martin", "camille@supplier.example", "203.0.113.7", "email_otp"},
         {"Noa Petit", "noa@buyer.example", "198.51.100.4", "sms_otp"}}};
    const std::string path = "/v1/envelopes/" + text_at(envelope_, "/id");
    // The second one cannot sign before the first: the refusal is part of the promise.
    const auto early = api_.post(
        path + "/recipients/" + text_at(envelope_, "/recipients/1/id") + "/signed", json::Object{});
    CHECK(expect(!early && early.error().detail.contains("409"),
                 "Noa Petit could sign before Camille Martin"));
    done("Noa Petit cannot sign before Camille Martin (409)");
    for (std::size_t i = 0; i < signers.size(); ++i) {
        const Signer& signer = signers[i];
        const std::string id = text_at(envelope_, fmt::format("/recipients/{}/id", i));
        const json::Value seen = json::Object{
            {"ip", signer.ip}, {"user_agent", "Mozilla/5.0"}, {"method", signer.method}};
        for (const char* step : {"viewed", "authenticated", "signed"}) {
            TRY(const auto after,
                api_.post(fmt::format("{}/recipients/{}/{}", path, id, step), seen));
        }
        TRY(const auto now, api_.get(path));
        CHECK(expect(text_at(now, fmt::format("/recipients/{}/status", i)) == "signed",
                     fmt::format("{} is not recorded as having signed", signer.name)));
        done("{} has viewed it, was authenticated ({}) and signed", signer.name, signer.method);
    }
    return {};
}

Result<> DemoStory::complete_envelope() {
    const std::string path = "/v1/envelopes/" + text_at(envelope_, "/id");
    envelopes::PdfReport pdf{pdf_options("signed")};
    write_contract(pdf);
    pdf.heading("Signatures");
    pdf.paragraph("Signé par Camille Martin et Noa Petit.");
    TRY(const std::string content, pdf.finish());
    TRY(const auto file, api_.upload("contrat-fournisseur-signed.pdf", content));
    signed_sha256_ = hash_of(content);
    TRY(const auto attached,
        api_.post(path + "/files",
                  json::Object{{"files", json::Array{json::Object{{"file_id", text_at(file, "/id")},
                                                                  {"kind", "signed_pdf"}}}}}));
    done("the signing application hands in the signed PDF");
    TRY(envelope_, api_.wait_for("the envelope is completed", path, [](const json::Value& now) {
        return text_at(now, "/status") == "completed";
    }));
    for (const json::Value& one : *envelope_.find("files")->as_array())
        if (text_at(one, "/kind") == "audit_trail") trail_sha256_ = text_at(one, "/sha256");
    CHECK(expect(!trail_sha256_.empty(), "the completed envelope has no audit trail"));
    done("completed: signed PDF, and an audit trail (PDF) written by Blotter, SHA-256 {}…",
         trail_sha256_.substr(0, 16));
    return {};
}

Result<> DemoStory::show_ledger() {
    chapter("What happened, as the ledger has it");
    TRY(const auto page, api_.get("/v1/events?order=oldest&limit=100"));
    const json::Value* data = page.find("data");
    CHECK(expect(data != nullptr && data->as_array() != nullptr, "the list of events is empty"));
    std::int64_t last = -1;
    for (const json::Value& event : *data->as_array()) {
        const auto leaf = event.find("leaf") ? event.find("leaf")->as_int64() : std::nullopt;
        CHECK(expect(leaf && *leaf > last, "the events are not in the order of the ledger"));
        last = *leaf;
        const std::string type = text_at(event, "/type");
        if (type == "envelope.completed") completed_ = text_at(event, "/id");
        done("entry {:>2}  {}  {:<26}  {}", *leaf, clock_of(text_at(event, "/accepted_at")), type,
             text_at(event, "/id"));
        events_.push_back(event);
    }
    return expect(!completed_.empty(), "there is no event envelope.completed");
}

Result<std::vector<cli::ReceivedWebhook>> DemoStory::wait_for_webhooks(Which which,
                                                                       std::size_t count) {
    CHECK(api_.wait_until(fmt::format("{} webhooks have come", count),
                          [&] { return place_.receivers.received(which).size() >= count; }));
    return place_.receivers.received(which);
}

Result<> DemoStory::show_file(std::string_view what, const std::string& url,
                              std::string_view sha256) {
    TRY(const std::string content, api_.fetch(url));
    CHECK(expect(hash_of(content) == sha256,
                 fmt::format("the {} behind the link is not the announced one", what)));
    done("{} fetched over its secure link: {} bytes, SHA-256 as announced", what, content.size());
    return {};
}

Result<> DemoStory::show_accounting() {
    chapter("What \"Accounting\" received and verified");
    TRY(const auto webhooks, wait_for_webhooks(Which::accounting, events_.size()));
    json::Value completed;
    for (const cli::ReceivedWebhook& webhook : webhooks) {
        TRY(json::Value body, json::parse(webhook.body));
        const std::string type = text_at(body, "/type");
        CHECK(expect(webhook.verdict == cli::Verdict::verified,
                     fmt::format("the signature of {} was refused: {}", type, webhook.problem)));
        CHECK(expect(webhook.headers.get("webhook-id") == text_at(body, "/id"),
                     "webhook-id is not the id of the event"));
        done("{}  {:<26}  signature verified, answered {}", clock_of(to_rfc3339(webhook.at)), type,
             webhook.answered);
        if (type == "envelope.completed") completed = std::move(body);
    }
    CHECK(expect(webhooks.size() == events_.size(), "an event was received more than once"));
    const std::string files = "/data/files";
    CHECK(expect(text_at(completed, files + "/signed_pdf/sha256") == signed_sha256_ &&
                     text_at(completed, files + "/audit_trail/sha256") == trail_sha256_,
                 "the webhook does not announce the files that were stored"));
    CHECK(show_file("signed PDF", text_at(completed, files + "/signed_pdf/url"), signed_sha256_));
    CHECK(show_file("audit trail", text_at(completed, files + "/audit_trail/url"), trail_sha256_));
    TRY(const auto delivery, delivery_of(destinations_[0], "delivered"));
    CHECK(expect(text_at(delivery, "/reference") == DemoReceivers::reference,
                 "the accounting reference of the answer is not on the delivery"));
    done("its answer's accountingReferenceId {} is on the delivery {}", DemoReceivers::reference,
         text_at(delivery, "/id"));
    return {};
}

Result<> DemoStory::show_erp() {
    chapter("What \"ERP\" received");
    TRY(const auto webhooks, wait_for_webhooks(Which::erp, 1));
    const cli::ReceivedWebhook& webhook = webhooks.front();
    CHECK(expect(webhook.verdict == cli::Verdict::verified,
                 "the standard signature was refused: " + webhook.problem));
    std::vector<security::WebhookSecret> secrets;
    TRY(auto secret, security::WebhookSecret::parse(erp_secret_));
    secrets.push_back(std::move(secret));
    TRY(auto signer, security::CompatSigner::create(security::CompatForm::hex_of_body, secrets));
    std::string expected;
    signer.append_signature(expected, {}, as_bytes(webhook.body));
    CHECK(expect(webhook.headers.get(compatibility_header) == expected,
                 fmt::format("{} is not the HMAC of the body", compatibility_header)));
    TRY(const auto body, json::parse(webhook.body));
    done("{} with montant_ht {} on account {}, in the flat format", text_at(body, "/event"),
         text_at(body, "/metadata/montant_ht"), text_at(body, "/metadata/compte_comptable"));
    done("{} verified: {}…", compatibility_header, expected.substr(0, 16));
    CHECK(show_file("signed PDF", text_at(body, "/document_url"), signed_sha256_));
    return show_file("audit trail", text_at(body, "/audit_trail_url"), trail_sha256_);
}

Result<> DemoStory::show_quarantine() {
    chapter("An event whose amount is missing");
    const json::Value envelope = json::Object{
        {"id", "lease-1"}, {"title", "Bail"}, {"metadata", json::Object{{"montant_ht", {}}}}};
    TRY(const auto answer,
        api_.post("/v1/events", json::Object{{"type", "envelope.completed"},
                                             {"data", json::Object{{"envelope", envelope}}}}));
    CHECK(expect(text_at(answer, "/status") == "quarantined",
                 "an event with montant_ht null was not set aside"));
    done("its montant_ht is empty: set aside as {}, because of {}",
         text_at(answer, "/quarantine_id"), text_at(answer, "/pointer"));
    TRY(const auto alerts, api_.get("/v1/alerts?state=open"));
    bool raised = false;
    for (const json::Value& alert : *alerts.find("data")->as_array())
        raised = raised || text_at(alert, "/kind") == "event_quarantined";
    CHECK(expect(raised, "no alert says so"));
    done("an alert says so; neither \"Accounting\" nor \"ERP\" hears of it");
    return {};
}

}  // namespace blotter::server
