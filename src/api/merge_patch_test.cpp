#include "api/merge_patch.hpp"

#include <gtest/gtest.h>

namespace blotter::api {
namespace {

json::Value parsed(std::string_view text) {
    return json::parse(text).value();
}

struct Case {
    const char* target;
    const char* patch;
    const char* result;
};

// RFC 7396 appendix A.
constexpr Case published[] = {
    {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
    {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
    {R"({"a":"b"})", R"({"a":null})", R"({})"},
    {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
    {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
    {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
    {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
    {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
    {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
    {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
    {R"({"a":"foo"})", R"(null)", R"(null)"},
    {R"({"a":"foo"})", R"("bar")", R"("bar")"},
    {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
    {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
    {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
};

TEST(MergePatch, gives_what_the_published_examples_say) {
    for (const Case& c : published)
        EXPECT_EQ(json::to_text(merge_patch(parsed(c.target), parsed(c.patch))), c.result)
            << c.target << " patched with " << c.patch;
}

TEST(MergePatch, keeps_the_digits_of_numbers) {
    const json::Value out = merge_patch(parsed(R"({"n":1})"), parsed(R"({"n":12500.10})"));
    EXPECT_EQ(json::to_text(out), R"({"n":12500.10})");
}

}  // namespace
}  // namespace blotter::api
