#include <gtest/gtest.h>

#include "connectors/event_body.hpp"
#include "connectors/http_attempt.hpp"
#include "connectors/links.hpp"
#include "connectors/reference_id.hpp"

namespace blotter::connectors {
namespace {

Links links_at(Timestamp expires_at) {
    return {[](const FileId& id) { return "https://b.example/l/" + id.text(); }, expires_at};
}

EventFacts completed(const FileId& file) {
    EventFacts facts;
    facts.id = EventId::parse("evt_01J9ZC3M4N0000000000000001").value();
    facts.type = EventType::envelope_completed;
    facts.occurred_at = parse_rfc3339("2026-05-26T14:32:00Z").value();
    facts.workspace_id = "ws_1";
    facts.data =
        json::parse(R"({"envelope":{"id":"env_1","title":"Contrat","completed_at":)"
                    R"("2026-05-26T14:32:00.000Z","metadata":{"montant_ht":12500.10}},)"
                    R"("recipients":[{"name":"A","email":"a@x.example","status":"signed"}],)"
                    R"("files":{"signed_pdf":{"file_id":")" +
                    file.text() + R"(","sha256":"00"}}})")
            .value();
    return facts;
}

TEST(EventBody, the_standard_shape_carries_links_and_exact_numbers) {
    const FileId file = FileId::parse("file_01J9ZC3M4N0000000000000002").value();
    const std::string body = render_body(completed(file), BodyFormat::standard, false,
                                         links_at(from_ms(1'779'807'720'000)));
    const json::Value read = json::parse(body).value();
    EXPECT_EQ(*read.find("id")->as_string(), "evt_01J9ZC3M4N0000000000000001");
    EXPECT_EQ(*read.find("type")->as_string(), "envelope.completed");
    EXPECT_EQ(read.at_pointer("/data/envelope/metadata/montant_ht")->as_number()->text, "12500.10");
    EXPECT_EQ(*read.at_pointer("/data/files/signed_pdf/url")->as_string(),
              "https://b.example/l/" + file.text());
    EXPECT_EQ(*read.at_pointer("/data/files/signed_pdf/expires_at")->as_string(),
              "2026-05-26T15:02:00.000Z");
    EXPECT_EQ(read.find("entity_id"), nullptr);
}

TEST(EventBody, the_flat_shape_has_the_names_of_the_older_vocabulary) {
    const FileId file = FileId::parse("file_01J9ZC3M4N0000000000000002").value();
    const json::Value read =
        json::parse(render_body(completed(file), BodyFormat::flat, true, links_at(from_ms(0))))
            .value();
    EXPECT_EQ(*read.find("event")->as_string(), "envelope.completed");
    EXPECT_EQ(*read.find("envelope_id")->as_string(), "env_1");
    EXPECT_EQ(*read.find("completed_at")->as_string(), "2026-05-26T14:32:00.000Z");
    EXPECT_EQ(*read.find("document_url")->as_string(), "https://b.example/l/" + file.text());
    EXPECT_EQ(read.at_pointer("/metadata/montant_ht")->as_number()->text, "12500.10");
    EXPECT_EQ(*read.at_pointer("/signers/0/name")->as_string(), "A");
    EXPECT_EQ(read.find("audit_trail_url"), nullptr);
}

TEST(EventBody, the_ledgers_payload_has_no_links) {
    const FileId file = FileId::parse("file_01J9ZC3M4N0000000000000002").value();
    EXPECT_FALSE(canonical_payload(completed(file)).contains("\"url\""));
}

TEST(EventBody, data_that_was_left_out_is_read_again_for_who_needs_it) {
    EventFacts whole = completed(FileId{});
    whole.type = EventType::recipient_signed;
    whole.data =
        json::parse(R"({"envelope":{"id":"env_1","metadata":{"montant_ht":12500.10}}})").value();
    EventFacts lean = whole;
    lean.payload = std::make_shared<const std::string>(canonical_payload(whole));
    lean.data = json::Value{};
    const auto event = std::make_shared<const EventFacts>(lean);
    Destination plain;
    plain.webhook.format = BodyFormat::standard;
    EXPECT_EQ(with_data(event, plain), event);
    EXPECT_EQ(ready_body(*event, BodyFormat::standard, false), lean.payload);
    Destination flat = plain;
    flat.webhook.format = BodyFormat::flat;
    Destination renamed = plain;
    renamed.webhook.aliases = true;
    Destination chat = plain;
    chat.kind = "slack";
    for (const Destination* one : {&flat, &renamed, &chat})
        EXPECT_EQ(json::to_text(with_data(event, *one)->data), json::to_text(whole.data));
    EXPECT_FALSE(data_of("{}"));
    EXPECT_FALSE(data_of("{"));
}

TEST(Links, only_the_key_that_made_a_token_opens_it) {
    const LinkSigner mine{security::Secret::copy_of(std::string(32, 'k')), "https://b.example"};
    const LinkSigner other{security::Secret::copy_of(std::string(32, 'o')), "https://b.example"};
    const Link link{733, 12, FileId::parse("file_01J9ZC3M4N0000000000000002").value()};
    const std::string token = mine.token(link);
    EXPECT_EQ(mine.open(token).value(), link);
    EXPECT_FALSE(other.open(token));
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(mine.open(changed)) << i;
    }
    EXPECT_FALSE(mine.open(""));
    EXPECT_FALSE(mine.open(token + "A"));
    EXPECT_EQ(mine.url(link), "https://b.example/l/" + token);
}

TEST(ReferenceId, is_found_under_three_names_and_is_bounded) {
    EXPECT_EQ(reference_id_of(R"({"accountingReferenceId":"INV-2026-0042"})"), "INV-2026-0042");
    EXPECT_EQ(reference_id_of(R"({"AccountingReferenceId":7})"), "7");
    EXPECT_EQ(reference_id_of(R"({"id":"x","accountingReferenceId":"first"})"), "first");
    EXPECT_EQ(reference_id_of(R"({"id":"é"})"), "é");
    for (const auto* none : {"", "OK", "[]", R"({"id":null})", R"({"id":{"a":1}})",
                             R"({"id":"a\nb"})", R"({"id":""})", R"({"name":"x"})"})
        EXPECT_EQ(reference_id_of(none), "") << none;
    EXPECT_EQ(reference_id_of(R"({"id":")" + std::string(5'000, 'x') + R"("})").size(), 200U);
}

TEST(Conceal, takes_a_secret_out_of_an_answer_that_repeats_it) {
    const struct {
        std::string_view secret;
        std::string answer;
        bool cut;
        std::string_view expected;
    } rows[] = {
        {"key-1", R"x({"authorization":"Bearer key-1","again":"key-1"})x", false,
         R"x({"authorization":"Bearer (a secret)","again":"(a secret)"})x"},
        {"a/b+c", R"x({"plain":"a/b+c","escaped":"a\/b+c"})x", false,
         R"x({"plain":"(a secret)","escaped":"(a secret)"})x"},
        {"key-1", "no, key-", true, "no, "},
        {"key-1", "no, key-", false, "no, key-"},
        {"key-1", "", true, ""},
        {"1", "1 of 1", false, "1 of 1"},
    };
    for (const auto& row : rows) {
        Attempt attempt;
        attempt.answer = row.answer;
        attempt.answer_cut = row.cut;
        attempt.reference = row.secret;
        conceal(row.secret, attempt);
        EXPECT_EQ(attempt.answer, row.expected);
        EXPECT_EQ(attempt.reference, row.secret.size() < 4 ? row.secret : "(a secret)");
    }
}

}  // namespace
}  // namespace blotter::connectors
