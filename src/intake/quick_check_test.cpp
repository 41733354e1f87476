#include "intake/quick_check.hpp"

#include <gtest/gtest.h>

#include "intake/schema_check.hpp"

namespace blotter::intake {
namespace {

json::Value read(std::string_view text) {
    auto value = json::parse(text);
    EXPECT_TRUE(value) << text;
    return value ? *std::move(value) : json::Value{};
}

constexpr std::string_view schema_text = R"({
  "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["id"],
  "properties": {
    "id": {"type": "string", "minLength": 2, "maxLength": 4},
    "level": {"enum": ["simple", "advanced"]},
    "order": {"type": "integer", "minimum": 0, "maximum": 10},
    "amount": {"type": "number"},
    "price": {"type": "number", "minimum": 0, "maximum": 1000},
    "signed": {"type": "boolean"},
    "nothing": {"type": "null"},
    "free": {"type": "object"},
    "people": {"type": "array", "minItems": 1, "maxItems": 2,
               "items": {"type": "object", "required": ["name"]}}}})";

struct Row {
    std::string_view document;
    bool quick;  ///< whether it surely meets the schema
    bool valid;  ///< whether it does by the full validator
};

constexpr Row rows[] = {
    {R"({"id":"ab"})", true, true},
    {R"({"id":"abcd","level":"simple","order":10,"amount":1.5,"signed":true,"nothing":null})", true,
     true},
    {R"({"id":"ab","free":{"x":[1,{}]},"other":[1]})", true, true},
    {R"({"id":"ab","people":[{"name":1},{"name":null,"more":2}]})", true, true},
    {R"({"id":"éééé"})", true, true},
    {R"({"id":"ééééé"})", false, false},
    {R"({"id":"é"})", false, false},
    {R"({"id":"a"})", false, false},
    {R"({"id":"abcde"})", false, false},
    {R"({"id":7})", false, false},
    {R"({})", false, false},
    {R"([])", false, false},
    {R"(null)", false, false},
    {R"({"id":"ab","level":"none"})", false, false},
    {R"({"id":"ab","level":1})", false, false},
    {R"({"id":"ab","order":-1})", false, false},
    {R"({"id":"ab","order":11})", false, false},
    {R"({"id":"ab","order":1.5})", false, false},
    {R"({"id":"ab","order":99999999999999999999})", false, false},
    {R"({"id":"ab","amount":"1"})", false, false},
    {R"({"id":"ab","price":0})", true, true},
    {R"({"id":"ab","price":0.01})", true, true},
    {R"({"id":"ab","price":999.999})", true, true},
    {R"({"id":"ab","price":1e3})", true, true},
    {R"({"id":"ab","price":1000.01})", false, false},
    {R"({"id":"ab","price":-0.01})", false, false},
    {R"({"id":"ab","price":-1e-9})", false, false},
    {R"({"id":"ab","price":1e308})", false, false},
    {R"({"id":"ab","price":null})", false, false},
    {R"({"id":"ab","signed":1})", false, false},
    {R"({"id":"ab","nothing":0})", false, false},
    {R"({"id":"ab","people":[]})", false, false},
    {R"({"id":"ab","people":[{"name":1},{"name":1},{"name":1}]})", false, false},
    {R"({"id":"ab","people":[{"name":1},{}]})", false, false},
    {R"({"id":"ab","people":{}})", false, false},
};

TEST(QuickCheck, passes_what_meets_the_schema_and_nothing_else) {
    const json::Value schema = read(schema_text);
    const auto quick = QuickCheck::make(schema);
    const auto full = SchemaCheck::compile(schema);
    ASSERT_TRUE(quick && full);
    for (const Row& row : rows) {
        const json::Value document = read(row.document);
        EXPECT_EQ(quick->surely_meets(document), row.quick) << row.document;
        EXPECT_EQ(full->check(document).has_value(), row.valid) << row.document;
    }
}

TEST(QuickCheck, leaves_a_schema_that_it_does_not_know_whole_to_the_full_validator) {
    for (const std::string_view text :
         {R"({"type":["string","null"]})", R"({"additionalProperties":false})",
          R"({"properties":{"a":{"not":{}}}})", R"({"items":[{"type":"string"}]})",
          R"({"enum":[1]})", R"({"enum":[]})", R"({"minimum":0.5})", R"({"type":"text"})",
          R"({"required":"id"})", R"({"const":1})", R"(true)"})
        EXPECT_FALSE(QuickCheck::make(read(text)).has_value()) << text;
}

}  // namespace
}  // namespace blotter::intake
