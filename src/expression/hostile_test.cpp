// Whatever the source and the data are, compilation and evaluation end within their limits.
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "expression/outcome_for_test.hpp"

namespace blotter::expression {
namespace {

std::string repeated(std::string_view text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
}

void expect_outcome(std::string_view source, std::string_view start, std::string_view part) {
    const std::string outcome = outcome_of(source);
    EXPECT_TRUE(outcome.starts_with(start)) << source.substr(0, 80) << " → " << outcome;
    EXPECT_NE(outcome.find(part), std::string::npos) << source.substr(0, 80) << " → " << outcome;
    EXPECT_LT(outcome.size(), 1'000U) << "messages are short";
}

TEST(Hostile, deep_nesting_is_refused) {
    const auto nested = [](std::string_view open, std::string_view inner, std::string_view close,
                           std::size_t depth) {
        return repeated(open, depth) + std::string{inner} + repeated(close, depth);
    };
    expect_outcome(nested("(", "1", ")", 4'000), "refused", "nested deeper than 100");
    expect_outcome(nested("[", "", "]", 4'000), "refused", "nested deeper than 100");
    expect_outcome(nested("{1:", "1", "}", 1'500), "refused", "nested deeper than 100");
    expect_outcome(nested("dyn(", "1", ")", 1'500), "refused", "nested deeper than 100");
    expect_outcome(repeated("!", 8'000) + "true", "refused", "more than 100 operators in a row");
    expect_outcome(repeated("-", 8'000) + "1", "refused", "more than 100 operators in a row");
    expect_outcome(repeated("[1][", 1'000), "refused", "nested deeper than 100");
    expect_outcome("data" + repeated(".a", 4'000), "refused", "nested deeper than 100");
    expect_outcome("1" + repeated("+1", 2'000), "refused", "nested deeper than 100");
    expect_outcome(repeated("true?1:", 1'000) + "1", "refused", "nested deeper than 100");
    expect_outcome(repeated("(", 8'192), "refused", "nested deeper than 100");
}

TEST(Hostile, what_cel_asks_for_is_accepted) {
    EXPECT_EQ(outcome_of(repeated("(", 32) + "7" + repeated(")", 32)), "7");
    EXPECT_EQ(outcome_of(repeated("!", 32) + "true"), "true");
    EXPECT_EQ(outcome_of(repeated("-", 32) + "19"), "19");
    EXPECT_EQ(outcome_of("3" + repeated(" - 3 + 3", 12)), "3");
    EXPECT_EQ(outcome_of("4" + repeated(" * 4 / 4", 12)), "4");
    EXPECT_EQ(outcome_of("false" + repeated(" || false", 500) + " || true"), "true");
    EXPECT_EQ(outcome_of("true" + repeated(" && true", 500)), "true");
    EXPECT_EQ(outcome_of(repeated("false ? 1 : ", 24) + "2"), "2");
    EXPECT_EQ(outcome_of(repeated("[", 12) + "'foo'" + repeated("]", 12) + repeated("[0]", 12)),
              R"("foo")");
    EXPECT_EQ(outcome_of("size([0" + repeated(", 0", 500) + "])"), "501");
}

TEST(Hostile, long_and_unreadable_sources_are_refused) {
    expect_outcome(std::string(8'193, ' '), "refused", "8193 bytes, at most 8192");
    expect_outcome(std::string(8'192, ' '), "refused", "expected a value");
    expect_outcome("'a\xff'", "refused", "not valid UTF-8 at byte 2");
    expect_outcome("'\xed\xa0\x80'", "refused", "not valid UTF-8");
    expect_outcome(std::string{"1\0 + 1", 6}, "refused", "no meaning");
    expect_outcome(
        "\xef\xbb\xbf"
        "1",
        "refused", "no meaning");
    expect_outcome(std::string(8'000, '9'), "refused", "at most 64 characters");
    expect_outcome(std::string(60, '9'), "refused", "more than 36 digits");
    expect_outcome("1e" + std::string(60, '9'), "refused", "more than 36 digits");
    expect_outcome("[" + repeated("1,", 2'500) + "]", "refused", "more than 2000 parts");
    expect_outcome(std::string(8'000, 'x'), "refused", "there is no variable");
    expect_outcome(std::string(8'000, 'x') + "()", "refused", "there is no function");
    expect_outcome("'" + std::string(8'000, '\\'), "refused", "not closed");
    expect_outcome("// only a comment", "refused", "expected a value");
    EXPECT_EQ(outcome_of(std::string{"'a\0b'", 5}), R"("a\u0000b")");
}

TEST(Hostile, nested_macros_end_at_the_step_limit) {
    const std::string ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    std::string nested = "1 / 0 == 1";
    for (const char name : std::string_view{"abcdefgh"})
        nested = ten + ".all(" + name + ", " + nested + ")";
    expect_outcome(nested, "error", "more than 100000 steps");
    expect_outcome("true || " + nested, "true", "");
    expect_outcome(nested + " || true", "error", "more than 100000 steps");
    expect_outcome("coalesce(" + nested + ", 1)", "error", "more than 100000 steps");
    expect_outcome(ten + ".all(z, " + nested + ")", "refused", "nested deeper than 8");
}

TEST(Hostile, values_that_double_end_at_a_limit) {
    expect_outcome("['abcdefgh']" + repeated(".map(x, x + x)", 40), "error",
                   "the string is longer than 65536");
    expect_outcome("[[1]]" + repeated(".map(x, x + x)", 40), "error", "longer than 10000 items");
    // Shared lists stay small until somebody walks through them.
    const std::string shared = "[1]" + repeated(".map(x, [x, x])", 40);
    expect_outcome(shared, "error", "more than 100000 steps");
    expect_outcome(shared + " == " + shared, "error", "more than 100000 steps");
    expect_outcome(shared + " in [" + shared + "]", "error", "more than 100000 steps");
    expect_outcome("{'k': " + shared + "} == {'k': " + shared + "}", "error",
                   "more than 100000 steps");
}

TEST(Hostile, texts_that_grow_end_at_a_limit) {
    const json::Value data{json::Object{{"a", std::string(60'000, 'a')},
                                        {"big", std::string(900'000, 'a')},
                                        {"needle", std::string(400'000, 'a') + "b"}}};
    Bindings bindings;
    bindings.bind("data", data);
    const auto outcome = [&](std::string_view source) -> std::string {
        const auto program = compile(source, {.variables = {{"data"}}});
        if (!program) return program.error().detail;
        const auto value = evaluate(*program, bindings);
        return value ? json::to_text(value->to_json()) : value.error().detail;
    };
    const auto fails_with = [&](std::string_view source, std::string_view part) {
        EXPECT_NE(outcome(source).find(part), std::string::npos) << outcome(source).substr(0, 300);
    };
    fails_with("data.a.replace('a', 'bb')", "the string is longer than 65536");
    fails_with("data.a.replace('', data.a)", "the string is longer than 65536");
    fails_with("[data.a, data.a].join(',')", "the string is longer than 65536");
    fails_with("data.a.split('')", "longer than 10000 items");
    fails_with("data.a.split('a')", "longer than 10000 items");
    fails_with("data.big.upperAscii()", "the string is longer than 65536");
    fails_with("data.big.matches('(a|b)*c')", "more than 100000 steps");
    fails_with("[1, 2, 3, 4, 5, 6, 7, 8].all(x, data.big == data.big)", "100000 steps");
    // Naive search would compare 200 billion bytes here.
    EXPECT_EQ(outcome("data.big.contains(data.needle)"), "false");
    EXPECT_EQ(outcome("data.big.indexOf(data.needle)"), "-1");
    fails_with("data.big.replace(data.needle, '')", "the string is longer than 65536");
}

TEST(Hostile, patterns_cannot_explode) {
    EXPECT_EQ(outcome_of("'" + std::string(3'000, 'a') + "'.matches('^(a*)*b$')"), "false");
    EXPECT_EQ(outcome_of("'" + std::string(3'000, 'a') + "'.matches('(a|aa)+$')"), "true");
    expect_outcome("'a'.matches('((a{1000}){1000}){1000}')", "refused", "the pattern cannot");
    expect_outcome("'a'.matches('((((a{30}){30}){30}){30})')", "refused", "the pattern cannot");
    expect_outcome("'a'.matches('" + std::string(600, 'a') + "')", "refused", "at most 512 bytes");
    expect_outcome("'a'.matches('" + repeated("(", 400) + "')", "refused", "the pattern cannot");
}

TEST(Hostile, many_errors_take_little_memory) {
    json::Array items;
    for (int i = 0; i < 50'000; ++i) items.emplace_back(i);
    const json::Value data{json::Object{{"items", std::move(items)}}};
    Bindings bindings;
    bindings.bind("data", data);
    const auto program =
        compile("data.items.exists(i, data.none" + std::string(200, 'x') + " == 1)",
                {.variables = {{"data"}}});
    ASSERT_TRUE(program);
    EXPECT_NE(matches(*program, bindings).problem.find("too much memory"), std::string::npos)
        << matches(*program, bindings).problem;
}

TEST(Hostile, deep_and_wide_data_is_walked_within_the_limits) {
    json::Value deep{1};
    for (int i = 0; i < 500; ++i) deep = json::Array{std::move(deep)};
    json::Array wide(200'000, json::Value{"x"});
    const json::Value data{json::Object{{"deep", std::move(deep)}, {"wide", std::move(wide)}}};
    Bindings bindings;
    bindings.bind("data", data);
    const auto outcome = [&](std::string_view source) {
        return matches(compile(source, {.variables = {{"data"}}}).value(), bindings);
    };
    EXPECT_TRUE(outcome("data.deep == data.deep").matched);
    EXPECT_NE(outcome("data.wide == data.wide").problem.find("steps"), std::string::npos);
    EXPECT_NE(outcome("'y' in data.wide").problem.find("steps"), std::string::npos);
    EXPECT_NE(outcome("data.wide.filter(x, true) == []").problem.find("10000 items"),
              std::string::npos);
    EXPECT_NE(outcome("data.wide + data.wide == []").problem.find("steps"), std::string::npos);
    EXPECT_TRUE(outcome("size(data.wide) == 200000").matched);
    const auto everything = compile("data", {.variables = {{"data"}}}).value();
    EXPECT_FALSE(evaluate(everything, bindings));
    EXPECT_FALSE(explain(everything, bindings).result);
}

/// Joins and cuts pieces of the language at random, the same way in every run.
TEST(Hostile, random_sources_neither_crash_nor_hang) {
    constexpr std::string_view pieces[] = {
        "data",  ".",           "envelope",  "[",       "]",       "(",         ")",
        "{",     "}",           ":",         ",",       "?",       "&&",        "||",
        "!",     "-",           "+",         "*",       "/",       "%",         "==",
        "!=",    "<",           ">=",        "in",      "1",       "0",         "0.5",
        "1e30",  "'a'",         "\"",        "'''",     "r'",      "\\",        "null",
        "true",  "all",         "map",       "exists",  "x",       "filter",    "has",
        "sum",   "round",       "coalesce",  "string",  "split",   "join",      "size",
        "lines", "type",        "`",         "// c\n",  "matches", "timestamp", "duration",
        "'1h'",  "received_at", "substring", "replace", "''",      "\xc3",      "é"};
    std::mt19937 random{20'260'526};
    std::size_t compiled = 0;
    for (int round = 0; round < 30'000; ++round) {
        std::string source;
        const std::size_t length = 1 + random() % 14;
        for (std::size_t i = 0; i < length; ++i) source += pieces[random() % std::size(pieces)];
        const auto program = compile(source, sample_environment());
        if (!program) {
            EXPECT_FALSE(program.error().detail.empty());
            continue;
        }
        ++compiled;
        const auto value = evaluate(*program, sample_bindings());
        const Explanation explanation = explain(*program, sample_bindings());
        EXPECT_EQ(value.has_value(), explanation.result.has_value()) << source;
        if (value) EXPECT_EQ(*value, *explanation.result) << source;
    }
    EXPECT_GT(compiled, 100U) << "the pieces must make sense now and then";
}

/// Changes single bytes of a valid source.
TEST(Hostile, damaged_sources_neither_crash_nor_hang) {
    constexpr std::string_view source =
        "event.type == 'envelope.completed' && data.lines.filter(l, l.amount > 1.5e1)"
        ".map(l, l.label.split('')[0] + string(round(l.amount * 1.2, 2))).join(r'\\')"
        ".matches(\"^[A-Z]+\\u00e9?\") || has(data.envelope.metadata.`content-type`) ? "
        "{'a': [1, 2.0, null]} : coalesce(data.x, timestamp('2026-05-26T14:32:00Z'))";
    std::mt19937 random{7};
    for (int round = 0; round < 20'000; ++round) {
        std::string damaged{source};
        for (std::size_t i = random() % 3 + 1; i > 0; --i) {
            const std::size_t at = random() % damaged.size();
            if (random() % 2 == 0)
                damaged[at] = static_cast<char>(random() % 256);
            else
                damaged.erase(at, random() % 8 + 1);
        }
        const auto program = compile(damaged, sample_environment());
        if (program) (void)evaluate(*program, sample_bindings());
    }
}

}  // namespace
}  // namespace blotter::expression
