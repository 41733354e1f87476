#include "cli/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::cli {
namespace {

using testing::ElementsAre;

TEST(Arguments, settings_are_told_from_words_however_they_are_written) {
    struct Case {
        std::vector<std::string> given, words, settings;
    };
    const Case cases[] = {
        {{"serve"}, {"serve"}, {}},
        {{"serve", "--data.directory=/d"}, {"serve"}, {"--data.directory=/d"}},
        {{"serve", "--data.directory", "/d"}, {"serve"}, {"--data.directory=/d"}},
        {{"ledger", "export", "--data.directory", "/d", "out"},
         {"ledger", "export", "out"},
         {"--data.directory=/d"}},
        {{"serve", "--development.enabled"}, {"serve"}, {"--development.enabled"}},
        {{"serve", "--development.enabled", "--once"},
         {"serve", "--once"},
         {"--development.enabled"}},
        {{"serve", "--development.enabled", "false", "x"},
         {"serve", "x"},
         {"--development.enabled=false"}},
        {{"backup", "--egress.http_allowed", "dir"}, {"backup", "dir"}, {"--egress.http_allowed"}},
        {{"serve", "--data.directory"}, {"serve"}, {"--data.directory"}},
        {{"serve", "--data.directory", "--once"}, {"serve", "--once"}, {"--data.directory"}},
        {{"serve", "--no.such", "1"}, {"serve", "1"}, {"--no.such"}},
        {{"listen", "--answer={\"a.b\":1}"}, {"listen", "--answer={\"a.b\":1}"}, {}},
        {{"trigger", "--url", "http://127.0.0.1:1/"},
         {"trigger", "--url", "http://127.0.0.1:1/"},
         {}},
        {{"x", "--", "--data.directory=/d"}, {"x", "--", "--data.directory=/d"}, {}},
    };
    for (const Case& c : cases) {
        const Arguments got = split_arguments(c.given);
        EXPECT_EQ(got.words, c.words);
        EXPECT_EQ(got.settings, c.settings);
    }
}

}  // namespace
}  // namespace blotter::cli
