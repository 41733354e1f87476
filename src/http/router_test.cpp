#include "http/router.hpp"

#include <gtest/gtest.h>

#include "http/problem.hpp"

namespace blotter::http {
namespace {

struct RouterFixture : testing::Test {
    Router router;
    std::uint32_t next = 0;

    void add(Method method, std::string_view pattern) {
        const auto added = router.add(method, pattern, RouteId{++next});
        ASSERT_TRUE(added) << added.error().detail;
    }
    /// "3 id=evt_1" for a match, "404", "405 allow" or "400".
    std::string find(Method method, std::string_view path) {
        const auto found = router.find(method, path);
        if (std::holds_alternative<Router::NoSuchPath>(found)) return "404";
        if (const auto* missing = std::get_if<Router::NoSuchMethod>(&found))
            return "405 " + missing->allow;
        if (std::holds_alternative<Router::BadPath>(found)) return "400";
        const auto& match = std::get<Router::Match>(found);
        std::string out = std::to_string(static_cast<std::uint32_t>(match.route));
        for (const auto& [name, value] : match.parameters.values())
            out += " " + std::string{name} + "=" + value;
        return out;
    }
};

TEST_F(RouterFixture, finds_fixed_paths_before_parameters) {
    add(Method::get, "/v1/envelopes");
    add(Method::post, "/v1/envelopes");
    add(Method::get, "/v1/envelopes/{envelope_id}");
    add(Method::post, "/v1/envelopes/{envelope_id}/send");
    add(Method::get, "/v1/envelopes/search");
    add(Method::get, "/");
    add(Method::get, "/assets/{path...}");
    EXPECT_EQ(find(Method::get, "/v1/envelopes"), "1");
    EXPECT_EQ(find(Method::post, "/v1/envelopes"), "2");
    EXPECT_EQ(find(Method::get, "/v1/envelopes/env_1"), "3 envelope_id=env_1");
    EXPECT_EQ(find(Method::post, "/v1/envelopes/env_1/send"), "4 envelope_id=env_1");
    EXPECT_EQ(find(Method::get, "/v1/envelopes/search"), "5");
    // The fixed segment leads nowhere here, so the parameter takes it.
    EXPECT_EQ(find(Method::post, "/v1/envelopes/search/send"), "4 envelope_id=search");
    EXPECT_EQ(find(Method::get, "/"), "6");
    EXPECT_EQ(find(Method::get, "/assets/a/b.js"), "7 path=a/b.js");
    EXPECT_EQ(find(Method::head, "/v1/envelopes"), "1");
}

TEST_F(RouterFixture, tells_a_missing_path_from_a_missing_method) {
    add(Method::get, "/a/{id}");
    add(Method::delete_, "/a/{id}");
    EXPECT_EQ(find(Method::post, "/a/1"), "405 GET, HEAD, DELETE");
    EXPECT_EQ(find(Method::get, "/a"), "404");
    EXPECT_EQ(find(Method::get, "/a/"), "404");
    EXPECT_EQ(find(Method::get, "/a/1/"), "404");
    EXPECT_EQ(find(Method::get, "//a/1"), "404");
    EXPECT_EQ(find(Method::get, "/A/1"), "404");
    EXPECT_EQ(find(Method::get, ""), "404");
    EXPECT_EQ(find(Method::get, "/" + std::string(40, '/')), "404");
    const Response response = make_response_for(Router::NoSuchMethod{"GET, HEAD"});
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.headers.get("allow"), "GET, HEAD");
}

TEST_F(RouterFixture, decodes_parameters_strictly) {
    add(Method::get, "/f/{name}");
    EXPECT_EQ(find(Method::get, "/f/a%20b+c"), "1 name=a b+c");
    EXPECT_EQ(find(Method::get, "/f/%C3%A9"), "1 name=\xc3\xa9");
    EXPECT_EQ(find(Method::get, "/%66/x"), "1 name=x");
    for (const char* path :
         {"/f/%", "/f/%4", "/f/%zz", "/f/%00", "/f/%0d%0aX", "/f/a%2Fb", "/f/a%2fb", "/f/a%5Cb",
          "/f/%ff", "/f/%c0%af", "/f/..", "/f/%2e%2e", "/f/.", "/f/../f/x", "/f/%7f"})
        EXPECT_EQ(find(Method::get, path), "400") << path;
}

TEST_F(RouterFixture, refuses_routes_that_contradict_each_other) {
    add(Method::get, "/a/{id}");
    for (const char* pattern :
         {"a", "/a/{id}", "/a/{other}", "/a/{}", "/a/{i d}", "/a/x{id}", "/{rest...}/a", "/a/%20"})
        EXPECT_FALSE(router.add(Method::get, pattern, RouteId{9})) << pattern;
}

TEST(Query, reads_pairs_and_refuses_what_is_ambiguous) {
    const auto query = Query::parse("a=1&b=x%20y+z&empty=&flag&&c=%C3%A9");
    ASSERT_TRUE(query);
    EXPECT_EQ(*query->find("b"), "x y z");
    EXPECT_EQ(*query->find("empty"), "");
    EXPECT_EQ(*query->find("flag"), "");
    EXPECT_EQ(*query->find("c"), "\xc3\xa9");
    EXPECT_EQ(query->find("d"), nullptr);
    std::string many;
    for (int i = 0; i < 65; ++i) many += "k" + std::to_string(i) + "=1&";
    for (const std::string& text :
         {std::string{"a=1&a=2"}, std::string{"a=1&%61=2"}, std::string{"a=%"},
          std::string{"a=%00"}, std::string{"a=%ff"}, many})
        EXPECT_FALSE(Query::parse(text)) << text;
}

TEST(Problem, says_what_where_and_when_to_retry) {
    const Response response =
        make_problem({Errc::invalid_argument, "must not be empty", "/name"}, {"req_1", {}});
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(response.body,
              R"({"type":"/problems/invalid_argument","title":"A value is not acceptable",)"
              R"("status":422,"code":"invalid_argument","detail":"must not be empty",)"
              R"("errors":[{"pointer":"/name","detail":"must not be empty"}],)"
              R"("request_id":"req_1"})");
    const Response busy = make_problem({Errc::overloaded, ""}, {"", Duration{1'200}});
    EXPECT_EQ(busy.headers.get("retry-after"), "2");
}

TEST(Headers, keep_order_ignore_case_and_cannot_be_split) {
    Headers headers;
    headers.add("X-A", "1");
    headers.add("x-b", "evil\r\nSet-Cookie: a");
    headers.add("X-a", "2");
    EXPECT_EQ(headers.get("x-A"), "1");
    EXPECT_EQ(headers.count("X-A"), 2U);
    EXPECT_EQ(headers.get("X-B"), "evil  Set-Cookie: a");
    headers.set("x-a", "3");
    EXPECT_EQ(headers.size(), 2U);
    EXPECT_EQ(headers[1].value, "3");
    EXPECT_FALSE(headers.contains("x-c"));
}

TEST(HttpDate, writes_and_reads_the_one_form) {
    const Timestamp at = parse_rfc3339("2026-05-26T14:32:00Z").value();
    EXPECT_EQ(to_http_date(at), "Tue, 26 May 2026 14:32:00 GMT");
    EXPECT_EQ(parse_http_date("Tue, 26 May 2026 14:32:00 GMT").value(), at);
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").value(), from_ms(784'111'777'000));
    for (const char* text : {"", "Tue, 26 May 2026 14:32:00 UTC", "Mon, 26 May 2026 14:32:00 GMT",
                             "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                             "Tue, 31 Feb 2026 14:32:00 GMT", "Tue, 26 May 2026 25:32:00 GMT"})
        EXPECT_FALSE(parse_http_date(text)) << text;
}

}  // namespace
}  // namespace blotter::http
