#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "expression/outcome_for_test.hpp"

namespace blotter::expression {
namespace {

Program program_of(std::string_view source) {
    auto program = compile(source, sample_environment());
    EXPECT_TRUE(program) << source << ": " << (program ? "" : program.error().detail);
    return *program;
}

/// One line per step: indented text, value, and where the value came from.
std::string told(std::string_view source) {
    std::string out;
    for (const ExplainStep& step : explain(program_of(source), sample_bindings()).steps) {
        out += std::string(step.depth * 2, ' ') + step.text + (step.failed ? " ! " : " = ");
        out += step.value + (step.origin.empty() ? "" : " <- " + step.origin) + "\n";
    }
    return out;
}

TEST(Matches, says_yes_no_or_why_not) {
    EXPECT_TRUE(
        matches(program_of("data.envelope.metadata.montant_ht > 1000.00"), sample_bindings())
            .matched);
    const Match no = matches(program_of("event.type == 'x'"), sample_bindings());
    EXPECT_FALSE(no.matched);
    EXPECT_EQ(no.problem, "");
    const Match problem =
        matches(program_of("event.type != 'x' && data.envelope.montant_ht > 1"), sample_bindings());
    EXPECT_FALSE(problem.matched);
    EXPECT_EQ(problem.problem,
              "there is no field 'montant_ht' (line 1, column 36: data.envelope.montant_ht)");
    EXPECT_EQ(matches(program_of("data.envelope.name"), sample_bindings()).problem,
              "the result is a string, not a bool");
}

TEST(Matches, a_problem_names_no_value) {
    for (const std::string_view source :
         {"data.envelope.name > 1", "decimal(data.envelope.name) > 1",
          "timestamp(data.envelope.name) == received_at", "data.envelope.name.substring(99) == ''",
          "tables.accounts[data.envelope.name] == ''", "data.envelope.name && true"})
        EXPECT_EQ(matches(program_of(source), sample_bindings()).problem.find("Contrat"),
                  std::string::npos)
            << source;
}

TEST(Compile, an_error_shows_the_line_with_a_caret) {
    const auto error = compile("event.type == 'é' &&\n  data.envelope.name = 'x'", {}).error();
    EXPECT_EQ(error.code, Errc::invalid_argument);
    EXPECT_EQ(error.detail,
              "line 2, column 22: a comparison is written ==\n"
              "    data.envelope.name = 'x'\n"
              "                       ^");
    EXPECT_EQ(compile("'é' + 1", {}).error().detail,
              "line 1, column 5: string + decimal is not defined\n"
              "  'é' + 1\n"
              "      ^");
    const auto far = compile(std::string(300, ' ') + "nobody", {}).error().detail;
    EXPECT_LT(far.size(), 300U);
    EXPECT_NE(far.find("column 301"), std::string::npos);
}

TEST(Compile, the_result_may_be_asked_for) {
    Environment filter = sample_environment();
    filter.result = Kind::boolean;
    EXPECT_TRUE(compile("event.type == 'x'", filter));
    EXPECT_TRUE(compile("data.signed", filter)) << "the kind of a field is not known";
    const auto refused = compile("1 + 1", filter);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("the result must be bool, this is decimal"),
              std::string::npos);
    EXPECT_EQ(program_of("event.id == 'x' ? 'a' : 2").result_kinds(),
              (KindSet{Kind::string, Kind::decimal}));
    EXPECT_EQ(program_of("'a'").source(), "'a'");
}

TEST(Compile, limits_are_the_callers) {
    Environment small = sample_environment();
    small.limits.steps_max = 20;
    EXPECT_NE(outcome_of("[1, 2, 3].map(x, data.lines.map(y, x))", small).find("20 steps"),
              std::string::npos);
    small.limits.source_bytes_max = 3;
    EXPECT_NE(outcome_of("1 + 1", small).find("at most 3"), std::string::npos);
}

TEST(Explain, tells_each_part_with_the_field_it_came_from) {
    EXPECT_EQ(told("event.type == 'envelope.completed' && (data.lines[1].amount + 1) * 2 > 50"),
              "event.type == 'envelope.completed' && (data.lines[1].amount + 1) * 2 > 50 = false\n"
              "  event.type == 'envelope.completed' = true\n"
              "    event.type = \"envelope.completed\" <- event/type\n"
              "  (data.lines[1].amount + 1) * 2 > 50 = false\n"
              "    (data.lines[1].amount + 1) * 2 = 42\n"
              "      (data.lines[1].amount + 1) = 21\n"
              "        data.lines[1].amount = 20 <- data/lines/1/amount\n");
}

TEST(Explain, follows_the_items_of_a_list) {
    EXPECT_EQ(told("data.lines.map(l, l.amount)"),
              "data.lines.map(l, l.amount) = [100.50,20,4.40]\n"
              "  data.lines = [{\"label\":\"Conseil\",\"amount\":100.50,\"account\":\"622\"},"
              "{\"label\":\"Licences\",\"amount\":20,\"account\":\"651\"},"
              "{\"label\":\"Port\",\"amount\":4.40,\"account\":\"624\"}] <- data/lines\n"
              "  l.amount = 100.50 <- data/lines/0/amount\n"
              "  l.amount = 20 <- data/lines/1/amount\n"
              "  l.amount = 4.40 <- data/lines/2/amount\n");
    EXPECT_EQ(told("tables.accounts[data.envelope.metadata.compte_comptable]"),
              "tables.accounts[data.envelope.metadata.compte_comptable] = \"6071\" "
              "<- tables/accounts/607\n"
              "  data.envelope.metadata.compte_comptable = \"607\" "
              "<- data/envelope/metadata/compte_comptable\n");
}

TEST(Explain, leaves_out_what_was_not_needed_and_tells_what_failed) {
    EXPECT_EQ(told("event.type == 'x' && data.none > 1"),
              "event.type == 'x' && data.none > 1 = false\n"
              "  event.type == 'x' = false\n"
              "    event.type = \"envelope.completed\" <- event/type\n");
    EXPECT_EQ(told("data.none > 1 || event.id != ''"),
              "data.none > 1 || event.id != '' = true\n"
              "  data.none > 1 ! there is no field 'none'\n"
              "    data.none ! there is no field 'none'\n"
              "  event.id != '' = true\n"
              "    event.id = \"evt_1\" <- event/id\n");
}

TEST(Explain, is_bounded) {
    const json::Value data{json::Object{{"text", std::string(100'000, 'x') + "é"},
                                        {"items", json::Array(5'000, json::Value{"item"})}}};
    Bindings bindings;
    bindings.bind("data", data);
    const Environment environment{.variables = {{"data"}}};
    const auto program = compile("data.items.exists(i, i == data.text)", environment).value();
    const Explanation out = explain(program, bindings);
    EXPECT_TRUE(out.truncated);
    EXPECT_EQ(out.steps.size(), 200U);
    for (const ExplainStep& step : out.steps) {
        EXPECT_LE(step.value.size(), 210U);
        EXPECT_LE(step.text.size(), 210U);
    }
    ASSERT_TRUE(out.result);
    EXPECT_EQ(*out.result->as_bool(), false);
}

TEST(Program, may_be_evaluated_by_many_threads_at_once) {
    const Program program = program_of(
        "data.lines.filter(l, l.label.matches('^[A-Z]')).map(l, l.amount * 2) == [201, 40, 8.8]");
    std::atomic<int> matched = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                const Bindings bindings = sample_bindings();
                for (int k = 0; k < 500; ++k)
                    if (matches(program, bindings).matched) ++matched;
            });
    }
    EXPECT_EQ(matched, 2'000);
}

TEST(Bindings, hold_every_simple_kind_and_the_last_one_counts) {
    Bindings bindings;
    bindings.bind_text("a", "text").bind_bool("b", true).bind_decimal("c", Decimal{1});
    bindings.bind_duration("d", Duration{1'500}).bind_time("e", from_ms(0)).bind_text("a", "new");
    const Environment environment{.variables = {{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}};
    const auto program = compile("[a, b, c, d, e]", environment).value();
    EXPECT_EQ(json::to_text(evaluate(program, bindings)->to_json()),
              R"(["new",true,1,"1.5s","1970-01-01T00:00:00.000Z"])");
}

TEST(Value, keeps_its_kind_and_becomes_json) {
    const auto value_of = [](std::string_view source) {
        return evaluate(program_of(source), sample_bindings()).value();
    };
    EXPECT_EQ(value_of("received_at").kind(), Kind::timestamp);
    EXPECT_EQ(*value_of("duration('2s')").as_duration(), Duration{2'000});
    EXPECT_EQ(value_of("data.lines").as_list()->size(), 3U);
    EXPECT_EQ(value_of("{'a': 1}").as_map()->at(0).first.as_string()->size(), 1U);
    EXPECT_TRUE(value_of("null").is_null());
    EXPECT_EQ(value_of("12.50"), value_of("12.5"));
    EXPECT_EQ(json::to_text(value_of("[data.envelope, {1.0: type(1)}]").to_json()),
              "[" + json::to_text(*sample_data().find("envelope")) + R"(,{"1":"decimal"}])");
}

}  // namespace
}  // namespace blotter::expression
