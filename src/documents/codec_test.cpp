#include "documents/codec.hpp"

#include <gtest/gtest.h>

#include "documents/payload.hpp"

namespace blotter::documents {
namespace {

TEST(Codec, gives_back_what_was_stored) {
    Document document = example_document();
    document.revision = 3;
    document.sending = {2,       WebhookScope{0},
                        1,       from_ms(5'000),
                        "INV-1", SendError{"http_error", "HTTP 500", 500, from_ms(6'000)}};
    Document read;
    read.id = document.id;
    read.state = document.state;
    read.validated_at = document.validated_at;
    const auto text = json::to_text(to_stored(document));
    const auto done = from_stored(json::parse(text).value(), read);
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(read, document);
}

TEST(Codec, refuses_requests_with_a_pointer_to_what_is_wrong) {
    const struct {
        const char* text;
        const char* pointer;
    } cases[] = {
        {R"({})", "/currency"},
        {R"({"currency":"eur"})", "/currency"},
        {R"({"currency":"EUR","type":"poem"})", "/type"},
        {R"({"currency":"EUR","issue_date":"26.05.2026"})", "/issue_date"},
        {R"({"currency":"EUR","issue_date":"2026-02-30"})", "/issue_date"},
        {R"({"currency":"EUR","net_total":"12,5"})", "/net_total"},
        {R"({"currency":"EUR","net_total":true})", "/net_total"},
        {R"({"currency":"EUR","supplier":""})", "/supplier"},
        {R"({"currency":"EUR","supplier":"a\u0001"})", "/supplier"},
        {R"({"currency":"EUR","dimensions":{"Cost Center":"1"}})", "/dimensions/Cost Center"},
        {R"({"currency":"EUR","lines":[{"amount":1}]})", "/lines/0/amount"},
        {R"({"currency":"EUR","metadata":[]})", "/metadata"},
        {R"({"currency":"EUR","total":"1"})", "/total"},
    };
    for (const auto& item : cases) {
        const auto request = parse_request(json::parse(item.text).value(), 1'000);
        ASSERT_FALSE(request) << item.text;
        EXPECT_EQ(request.error().pointer, item.pointer) << item.text;
    }
    const auto large = parse_request(
        json::parse(R"({"currency":"EUR","metadata":{"a":"0123456789"}})").value(), 10);
    EXPECT_EQ(large.error().code, Errc::too_large);
}

TEST(Codec, takes_a_supplier_by_reference_or_as_it_is_shown) {
    const auto plain = parse_request(
        json::parse(R"({"currency":"EUR","supplier":"F-1","dimensions":{"vat_code":"20"}})")
            .value(),
        1'000);
    const auto shown =
        parse_request(json::parse(R"({"currency":"EUR","supplier":{"reference_id":"F-1"},)"
                                  R"("dimensions":{"vat_code":{"reference_id":"20"}}})")
                          .value(),
                      1'000);
    ASSERT_TRUE(plain && shown);
    EXPECT_EQ(plain->content, shown->content);
}

TEST(Codec, labels_the_reference) {
    Document document = example_document();
    EXPECT_EQ(reference_label(document), "");
    document.sending.reference = "INV-2026-0042";
    EXPECT_EQ(reference_label(document), "Ref: INV-2026-0042");
    EXPECT_EQ(*to_view(document).find("reference_label")->as_string(), "Ref: INV-2026-0042");
}

TEST(Codec, puts_the_content_into_the_event_of_validation_only) {
    const Document document = example_document();
    EXPECT_NE(event_view(document, EventType::document_validated).find("lines"), nullptr);
    const auto posted = event_view(document, EventType::document_posted);
    EXPECT_EQ(posted.find("lines"), nullptr);
    EXPECT_EQ(*posted.find("request_id")->as_string(), document.id.text());
}

}  // namespace
}  // namespace blotter::documents
