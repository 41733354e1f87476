// Every example in docs/expressions.md is true.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "expression/expression.hpp"

namespace blotter::expression {
namespace {

std::string read_reference() {
    std::ifstream file{BLOTTER_SOURCE_DIR "/docs/expressions.md"};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The contents of the fenced blocks of one language.
std::vector<std::string> blocks_of(const std::string& text, const std::string& language) {
    std::vector<std::string> out;
    const std::string fence = "```" + language + "\n";
    for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at)) {
        at += fence.size();
        out.push_back(text.substr(at, text.find("```", at) - at));
    }
    return out;
}

TEST(Documentation, every_example_has_the_result_shown) {
    const std::string reference = read_reference();
    const auto data_blocks = blocks_of(reference, "json");
    ASSERT_EQ(data_blocks.size(), 1U);
    const json::Value data = json::parse(data_blocks[0]).value();
    Environment environment;
    Bindings bindings;
    for (const json::Member& member : *data.as_object()) {
        environment.variables.push_back({member.name, Kind::map});
        bindings.bind(member.name, member.value);
    }
    std::size_t examples = 0;
    for (const std::string& block : blocks_of(reference, "cel")) {
        std::istringstream lines{block};
        for (std::string line; std::getline(lines, line); ++examples) {
            const std::size_t comment = line.rfind("// ");
            ASSERT_NE(comment, std::string::npos) << line;
            const std::string expected = line.substr(comment + 3);
            const auto program = compile(line.substr(0, comment), environment);
            ASSERT_TRUE(program) << line << ": " << program.error().detail;
            const auto value = evaluate(*program, bindings);
            EXPECT_EQ(value ? json::to_text(value->to_json()) : "error: " + value.error().detail,
                      expected)
                << line;
        }
    }
    EXPECT_GT(examples, 40U);
}

TEST(Documentation, the_limits_shown_are_the_limits) {
    const Limits limits;
    EXPECT_EQ(limits.source_bytes_max, 8U << 10);
    EXPECT_EQ(limits.nodes_max, 2'000U);
    EXPECT_EQ(limits.depth_max, 100U);
    EXPECT_EQ(limits.steps_max, 100'000U);
    EXPECT_EQ(limits.string_bytes_max, 64U << 10);
    EXPECT_EQ(limits.list_items_max, 10'000U);
}

}  // namespace
}  // namespace blotter::expression
