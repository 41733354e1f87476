#include "security/header_rules.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::security {
namespace {

using testing::HasSubstr;
using testing::Not;

Result<> check(std::vector<HeaderView> headers, const HeaderRules& rules = {}) {
    return check_custom_headers(headers, rules);
}

TEST(HeaderRules, accept_ordinary_headers) {
    EXPECT_TRUE(check({}));
    EXPECT_TRUE(check({{"X-Tenant", "acme"},
                       {"Authorization", "Basic dGVzdDp0ZXN0"},
                       {"x_odd!name", "tab\tinside, and spaces"},
                       {"X-Empty", ""},
                       {"X-All", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}}));
}

TEST(HeaderRules, refuse_values_that_would_add_headers) {
    using namespace std::string_view_literals;
    for (const std::string_view value :
         {"a\r\nX-Evil: 1"sv, "a\nb"sv, "a\rb"sv, "a\0b"sv, "\x01"sv, "\x7f"sv, "caf\xc3\xa9"sv,
          " a"sv, "a "sv, "\ta"sv, " "sv}) {
        const auto result = check({{"X-Fine", "1"}, {"X-Bad", value}});
        ASSERT_FALSE(result) << value;
        EXPECT_EQ(result.error().code, Errc::invalid_argument);
        EXPECT_EQ(result.error().pointer, "/headers/1");
        EXPECT_THAT(result.error().detail, Not(HasSubstr("Evil")));
    }
}

TEST(HeaderRules, refuse_names_that_are_no_tokens) {
    using namespace std::string_view_literals;
    const std::string long_name(65, 'x');
    for (const std::string_view name :
         {""sv, "X Y"sv, "X:"sv, ":path"sv, "X\r\n"sv, "X\0"sv, "X("sv, "X\xc3\xa9"sv, "X/Y"sv,
          "X\""sv, std::string_view{long_name}})
        EXPECT_FALSE(check({{name, "1"}})) << name;
    EXPECT_TRUE(check({{std::string(64, 'x'), "1"}}));
}

TEST(HeaderRules, refuse_names_that_belong_to_the_request_itself) {
    for (const std::string_view name : {"Host",
                                        "content-length",
                                        "Transfer-Encoding",
                                        "TE",
                                        "Trailer",
                                        "Connection",
                                        "Keep-Alive",
                                        "Upgrade",
                                        "Expect",
                                        "Proxy-Authorization",
                                        "Proxy-Connection",
                                        "Content-Type",
                                        "Content-Encoding",
                                        "Accept-Encoding",
                                        "Date",
                                        "User-Agent",
                                        "Webhook-Id",
                                        "webhook-timestamp",
                                        "WEBHOOK-SIGNATURE",
                                        "Sec-Fetch-Site"}) {
        const auto result = check({{name, "1"}});
        ASSERT_FALSE(result) << name;
        EXPECT_THAT(result.error().detail, HasSubstr("cannot be set"));
        EXPECT_FALSE(check_signature_header_name(name)) << name;
    }
}

TEST(HeaderRules, refuse_what_the_destination_uses_already) {
    const HeaderRules signature{.signature_header = "X-Certyneo-Signature"};
    EXPECT_FALSE(check({{"x-certyneo-signature", "1"}}, signature));
    EXPECT_TRUE(check({{"x-certyneo-signature", "1"}}));
    const HeaderRules bearer{.authorization = HeaderRules::Authorization::taken};
    EXPECT_FALSE(check({{"AUTHORIZATION", "Bearer x"}}, bearer));
    EXPECT_FALSE(check({{"X-A", "1"}, {"x-a", "2"}})) << "twice";
}

TEST(HeaderRules, limit_count_and_size) {
    std::vector<std::string> names;
    for (int i = 0; i < 33; ++i) names.push_back("X-" + std::to_string(i));
    std::vector<HeaderView> headers;
    for (const std::string& name : names) headers.push_back({name, "v"});
    EXPECT_FALSE(check(headers));
    headers.pop_back();
    EXPECT_TRUE(check(headers));

    const std::string big(2048, 'v');
    EXPECT_TRUE(check({{"X-A", big}, {"X-B", big}, {"X-C", big}}));
    EXPECT_FALSE(check({{"X-A", big}, {"X-B", big}, {"X-C", big}, {"X-D", big}}))
        << "8 KiB together";
    EXPECT_FALSE(check({{"X-A", big + "v"}}));
}

TEST(HeaderRules, know_good_names_for_a_signature) {
    EXPECT_TRUE(check_signature_header_name("X-Certyneo-Signature"));
    for (const std::string_view name : {"", "Authorization", "Cookie", "X Y", "Host"})
        EXPECT_FALSE(check_signature_header_name(name)) << name;
}

TEST(HeaderRules, know_which_values_are_credentials) {
    for (const std::string_view name :
         {"Authorization", "X-API-Key", "Cookie", "x-auth-token", "X-Secret", "X-Signature"})
        EXPECT_TRUE(is_sensitive_header(name)) << name;
    for (const std::string_view name : {"X-Tenant", "X-Request-Id", "Accept"})
        EXPECT_FALSE(is_sensitive_header(name)) << name;
}

}  // namespace
}  // namespace blotter::security
