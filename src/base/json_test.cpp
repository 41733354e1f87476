#include "base/json.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace blotter::json {
namespace {

/// One character as it stands in a JSON text.
std::string escaped(char c) {
    switch (c) {
        case '"':
            return "\\\"";
        case '\\':
            return "\\\\";
        case '\b':
            return "\\b";
        case '\f':
            return "\\f";
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            break;
    }
    const auto value = static_cast<unsigned char>(c);
    return value < 0x20 ? fmt::format("\\u{:04x}", value) : std::string(1, c);
}

TEST(Json, numbers_keep_their_text) {
    const std::string text = R"({"a":12500.10,"b":[1e3,-0.0,9007199254740993],"c":"x\n\u0001é"})";
    EXPECT_EQ(to_text(parse(text).value()), text);
    EXPECT_EQ(parse("[9007199254740993]").value().at_pointer("/0")->as_int64(), 9007199254740993);
    EXPECT_FALSE(parse("[1.5]").value().at_pointer("/0")->as_int64());
}

TEST(Json, pointers_find_members_and_items) {
    const Value v = parse(R"({"a/b":{"~x":[10,20]}})").value();
    EXPECT_EQ(v.at_pointer("/a~1b/~0x/1")->as_int64(), 20);
    EXPECT_EQ(v.at_pointer("/a~1b/~0x/2"), nullptr);
    EXPECT_EQ(v.at_pointer("/none/at/all"), nullptr);
}

TEST(Json, what_is_no_json_is_refused_with_the_reason) {
    struct Row {
        std::string text;
        std::string reason;
    };
    const Row rows[] = {{R"({"a":1,"a":2})", "twice"},
                        {"[1,]", "not JSON"},
                        {"1 2", "follows"},
                        {"", "not JSON"},
                        {"[NaN]", "not JSON"},
                        {"[01]", "not JSON"},
                        {"[\"\xff\"]", "UTF-8"},
                        {"[\"\\ud800\"]", "not JSON"},
                        {"/*c*/1", "not JSON"},
                        {"[1e999]", "beyond"},
                        {"[-1e309]", "beyond"},
                        {"[" + std::string(70, '9') + "]", "64 characters"},
                        {std::string(40, '[') + std::string(40, ']'), "32 levels"}};
    for (const Row& row : rows) {
        const auto result = parse(row.text);
        ASSERT_FALSE(result) << row.text;
        EXPECT_NE(result.error().detail.find(row.reason), std::string::npos)
            << row.text << " → " << result.error().detail;
    }
}

TEST(Json, the_place_of_a_refusal_is_a_pointer) {
    const std::string long_number(70, '9');
    const struct {
        std::string text;
        std::string pointer;
        std::size_t members_max = 1'000;
    } rows[] = {
        {R"({"x":[0,{"k":1,"k":2}]})", "/x/1/k"},
        {R"({"":1,"":2})", "/"},
        {R"({"a":{"b":1},"c/~d":{"e":1,"e":2}})", "/c~1~0d/e"},
        {R"({"a":[[1],{"b":0,"c":)" + long_number + "}]}", "/a/1/c"},
        {"[0,[1,2," + long_number + "]]", "/1/2"},
        {long_number, ""},
        {R"({"a":{"b":1,"c":2,"d":3}})", "/a/d", 2},
    };
    for (const auto& row : rows) {
        const auto result = parse(row.text, {.members_max = row.members_max});
        ASSERT_FALSE(result) << row.text;
        EXPECT_EQ(result.error().pointer, row.pointer) << row.text;
    }
}

TEST(Json, parts_that_come_escaped_are_joined) {
    const Value v = parse(R"({"a\u00e9\n":"b\u00e9\t","a":["\u00e9","x"]})").value();
    EXPECT_EQ(*v.find("a\u00e9\n")->as_string(), "b\u00e9\t");
    EXPECT_EQ(*v.at_pointer("/a/1")->as_string(), "x");
}

TEST(Json, limits_hold) {
    EXPECT_FALSE(parse(R"({"a":1,"b":2})", {.members_max = 1}));
    EXPECT_FALSE(parse("[1,2,3]", {.values_max = 3}));
    EXPECT_TRUE(parse("[1,2]", {.values_max = 3}));
    EXPECT_EQ(parse("[1,2]", {.bytes_max = 4}).error().code, Errc::too_large);
}

TEST(Json, what_must_be_escaped_is_found_at_every_place) {
    // Around words of eight bytes, which are looked at in one go, and behind bytes that look alike.
    for (const char plain : {'a', '!', '#', '[', ']', ' ', '\x7f', '\xc2', '\xff'}) {
        for (int c = 0; c < 0x100; ++c) {
            for (std::size_t at = 0; at < 19; ++at) {
                std::string text(19, plain);
                text[at] = static_cast<char>(c);
                std::string expected = "\"";
                for (const char each : text) expected += escaped(each);
                expected += '"';
                std::string out;
                append_quoted(out, text);
                ASSERT_EQ(out, expected) << c << " at " << at;
            }
        }
    }
}

TEST(Json, text_with_escapes_comes_back_as_it_was) {
    const std::string text = "\"\\\n\r\t\b\f\x01\x1f/ \x7f é \U0001F58B";
    for (std::size_t ahead = 0; ahead < 17; ++ahead) {
        const std::string whole = std::string(ahead, 'x') + text + std::string(17 - ahead, 'y');
        std::string out;
        append_quoted(out, whole);
        const auto back = parse(out);
        ASSERT_TRUE(back);
        EXPECT_EQ(*back->as_string(), whole);
    }
}

TEST(Json, pretty_text_is_for_people) {
    EXPECT_EQ(to_pretty_text(parse(R"({"a":[1],"b":{}})").value()),
              "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
}

}  // namespace
}  // namespace blotter::json
