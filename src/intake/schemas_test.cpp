#include <gtest/gtest.h>

#include "envelopes/event_data.hpp"
#include "intake/event_schemas.hpp"
#include "intake/schema_check.hpp"

namespace blotter::intake {
namespace {

TEST(EventSchemas, every_type_has_a_meaning_and_an_example_that_its_schema_accepts) {
    for (const EventType type : all_event_types()) {
        EXPECT_FALSE(meaning_of(type).empty()) << to_text(type);
        const auto checked = check_event_data(type, example_of(type));
        EXPECT_TRUE(checked) << to_text(type) << ": " << describe(checked.error());
    }
}

TEST(EventSchemas, what_the_envelope_machine_says_fits_too) {
    Envelope e;
    e.title = "T";
    e.recipients.push_back(Recipient{.name = "A", .email = "a@x.example"});
    for (const EventType type : all_event_types()) {
        if (group_of(type) != EventGroup::envelope && group_of(type) != EventGroup::recipient)
            continue;
        if (type == EventType::envelope_completed) {
            e.files.push_back({.kind = FileKind::signed_pdf, .sha256 = std::string(64, 'a')});
            e.files.push_back({.kind = FileKind::audit_trail, .sha256 = std::string(64, 'b')});
        }
        const auto checked = check_event_data(type, envelopes::event_data(e, type, RecipientId{}));
        EXPECT_TRUE(checked) << to_text(type) << ": " << describe(checked.error());
    }
}

TEST(EventSchemas, a_violation_is_named_with_its_place) {
    const auto at = [](EventType type, std::string text) {
        const auto checked = check_event_data(type, json::parse(text).value());
        return checked ? std::string{"accepted"} : checked.error().pointer;
    };
    EXPECT_EQ(at(EventType::envelope_sent, R"({})"), "/data");
    EXPECT_EQ(at(EventType::envelope_sent, R"({"envelope":{"id":5}})"), "/data/envelope/id");
    EXPECT_EQ(at(EventType::envelope_sent, R"({"envelope":{"id":"e","metadata":[]}})"),
              "/data/envelope/metadata");
    EXPECT_EQ(at(EventType::recipient_signed, R"({"envelope":{"id":"e"}})"), "/data");
    EXPECT_EQ(at(EventType::envelope_completed, R"({"envelope":{"id":"e"},"files":{}})"),
              "/data/files");
    EXPECT_EQ(at(EventType::source_unknown, R"({"anything":[1,2]})"), "accepted");
}

TEST(SchemaCheck, metadata_rules_of_a_workspace_catch_null_and_negative_amounts) {
    const auto schema = SchemaCheck::compile(
        json::parse(
            R"({"type":"object","properties":{"montant_ht":{"type":"number","minimum":0}}})")
            .value());
    ASSERT_TRUE(schema);
    const auto refused = [&](std::string text) {
        const auto checked = schema->check(json::parse(text).value(), "/metadata");
        return !checked && checked.error().code == Errc::quarantined &&
               checked.error().pointer == "/metadata/montant_ht";
    };
    EXPECT_TRUE(refused(R"({"montant_ht":null})"));
    EXPECT_TRUE(refused(R"({"montant_ht":-1})"));
    EXPECT_TRUE(refused(R"({"montant_ht":-0.01})"));
    EXPECT_TRUE(refused(R"({"montant_ht":"12,500"})"));
    EXPECT_TRUE(schema->check(json::parse(R"({"montant_ht":12500.10})").value()));
    EXPECT_TRUE(schema->check(json::parse(R"({"montant_ht":0})").value()));
}

TEST(SchemaCheck, a_schema_that_could_harm_or_is_none_is_refused) {
    for (const auto* text :
         {R"([])", R"({"type":"nonsense"})", R"({"properties":{"a":{"pattern":"(a+)+$"}}})",
          R"({"patternProperties":{"^a":{}}})", R"({"$ref":"http://x.example/s.json"})",
          R"({"minimum":"x"})", R"({"$ref":"#"})", R"({"allOf":[{"$ref":"#"}]})",
          R"({"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}})",
          R"({"properties":{"properties":{"pattern":"(a+)+$"}}})",
          R"({"properties":{"a":{"items":{"uniqueItems":true}}}})"})
        EXPECT_FALSE(SchemaCheck::compile(json::parse(text).value())) << text;
    // A property or a value of the document may well be called like a keyword.
    for (const auto* text :
         {R"({"properties":{"pattern":{"type":"string"}}})",
          R"({"properties":{"properties":{"type":"object"}}})", R"({"const":{"format":"A4"}})"})
        EXPECT_TRUE(SchemaCheck::compile(json::parse(text).value())) << text;
}

}  // namespace
}  // namespace blotter::intake
