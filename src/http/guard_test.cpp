#include "http/guard.hpp"

#include <gtest/gtest.h>

#include "http/test_rig.hpp"

namespace blotter::http {
namespace {

using testing_rig::head_of;

struct HeadCase {
    const char* name;
    std::string head;
    Errc refused;  // meaningless when accepted
    bool accepted = false;
};

std::string post(std::string_view fields) {
    return "POST /v1/events HTTP/1.1\r\nHost: a.example\r\n" + std::string{fields} + "\r\n";
}

class RequestGuard : public testing::TestWithParam<HeadCase> {};

TEST_P(RequestGuard, judges_the_head) {
    Request request;
    const auto head = read_request_head(GetParam().head, {}, request);
    ASSERT_EQ(head.has_value(), GetParam().accepted) << (head ? "accepted" : head.error().detail);
    if (!head) {
        EXPECT_EQ(head.error().code, GetParam().refused) << head.error().detail;
    }
}

constexpr Errc no_error = Errc::internal;

INSTANTIATE_TEST_SUITE_P(
    Accepts, RequestGuard,
    testing::Values(
        HeadCase{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", no_error, true},
        HeadCase{"length", post("Content-Length: 12\r\n"), no_error, true},
        HeadCase{"chunked", post("Transfer-Encoding: Chunked\r\n"), no_error, true},
        HeadCase{"expect", post("Expect: 100-Continue\r\nContent-Length: 1\r\n"), no_error, true},
        HeadCase{"identity", post("Content-Encoding: identity\r\n"), no_error, true},
        HeadCase{"http10_no_host", "GET /a HTTP/1.0\r\n\r\n", no_error, true},
        HeadCase{"ipv6_host", "GET /a HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", no_error, true},
        HeadCase{"tabs", post("X:\ta\tb \t\r\n"), no_error, true},
        HeadCase{"latin1_value", post("X: \xe9\r\n"), no_error, true},
        HeadCase{"empty_value", post("X:\r\n"), no_error, true},
        HeadCase{"upgrade_is_ignored", post("Upgrade: h2c\r\nConnection: Upgrade\r\n"), no_error,
                 true},
        HeadCase{"largest_target",
                 "GET /" + std::string(8191, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", no_error,
                 true}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Refuses, RequestGuard,
    testing::Values(
        HeadCase{"no_host", "GET / HTTP/1.1\r\n\r\n", Errc::malformed},
        HeadCase{"two_hosts", post("Host: b\r\n"), Errc::malformed},
        HeadCase{"empty_host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Errc::malformed},
        HeadCase{"host_with_path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Errc::malformed},
        HeadCase{"host_with_space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Errc::malformed},
        HeadCase{"two_hosts_in_http10", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
                 Errc::malformed},
        HeadCase{"length_and_chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
                 Errc::malformed},
        HeadCase{"chunked_and_length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
                 Errc::malformed},
        HeadCase{"coding_unknown", post("Transfer-Encoding: xchunked\r\n"), Errc::malformed},
        HeadCase{"coding_gzip", post("Transfer-Encoding: gzip\r\n"), Errc::malformed},
        HeadCase{"coding_list", post("Transfer-Encoding: chunked, gzip\r\n"), Errc::malformed},
        HeadCase{"coding_list_chunked_last", post("Transfer-Encoding: gzip, chunked\r\n"),
                 Errc::malformed},
        HeadCase{"coding_twice",
                 post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
                 Errc::malformed},
        HeadCase{"coding_with_tab_inside",
                 post("Transfer-Encoding: \x0b"
                      "chunked\r\n"),
                 Errc::malformed},
        HeadCase{"coding_empty", post("Transfer-Encoding:\r\n"), Errc::malformed},
        HeadCase{"chunked_in_http10",
                 "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                 Errc::malformed},
        HeadCase{"lengths_differ", post("Content-Length: 5\r\nContent-Length: 6\r\n"),
                 Errc::malformed},
        HeadCase{"lengths_equal", post("Content-Length: 5\r\nContent-Length: 5\r\n"),
                 Errc::malformed},
        HeadCase{"length_list", post("Content-Length: 5, 5\r\n"), Errc::malformed},
        HeadCase{"length_plus", post("Content-Length: +5\r\n"), Errc::malformed},
        HeadCase{"length_minus", post("Content-Length: -5\r\n"), Errc::malformed},
        HeadCase{"length_hex", post("Content-Length: 0x5\r\n"), Errc::malformed},
        HeadCase{"length_fraction", post("Content-Length: 5.0\r\n"), Errc::malformed},
        HeadCase{"length_empty", post("Content-Length:\r\n"), Errc::malformed},
        HeadCase{"length_huge", post("Content-Length: 99999999999999999999\r\n"), Errc::malformed},
        HeadCase{"folded", post("X: a\r\n b\r\n"), Errc::malformed},
        HeadCase{"folded_tab", post("X: a\r\n\tb\r\n"), Errc::malformed},
        HeadCase{"first_field_folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", Errc::malformed},
        HeadCase{"bare_lf", post("X: a\nY: b\r\n"), Errc::malformed},
        HeadCase{"bare_cr", post("X: a\rY: b\r\n"), Errc::malformed},
        HeadCase{"nul_in_value", post(std::string{"X: a\0b\r\n", 8}), Errc::malformed},
        HeadCase{"delete_in_value", post("X: a\x7f\r\n"), Errc::malformed},
        HeadCase{"space_before_colon", post("Content-Length : 5\r\n"), Errc::malformed},
        HeadCase{"no_colon", post("X\r\n"), Errc::malformed},
        HeadCase{"empty_name", post(": x\r\n"), Errc::malformed},
        HeadCase{"nul_in_name", post(std::string{"X\0: a\r\n", 7}), Errc::malformed},
        HeadCase{"non_ascii_name", post("X\xe9: a\r\n"), Errc::malformed},
        HeadCase{"method_lower", "get / HTTP/1.1\r\nHost: a\r\n\r\n", Errc::not_implemented},
        HeadCase{"method_connect", "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", Errc::not_implemented},
        HeadCase{"method_empty", " / HTTP/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"absolute_form", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"authority_form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"target_with_space", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"target_with_fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"target_not_ascii", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"target_with_nul", std::string{"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 27},
                 Errc::malformed},
        HeadCase{"target_too_long",
                 "GET /" + std::string(8192, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
                 Errc::uri_too_long},
        HeadCase{"http09", "GET /\r\n\r\n", Errc::malformed},
        HeadCase{"http12", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", Errc::http_version},
        HeadCase{"http2", "PRI / HTTP/2.0\r\nHost: a\r\n\r\n", Errc::http_version},
        HeadCase{"version_lower", "GET / http/1.1\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"version_long", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", Errc::malformed},
        HeadCase{"other_expectation", post("Expect: a miracle\r\n"), Errc::expectation_failed},
        HeadCase{"gzip_body", post("Content-Encoding: gzip\r\n"), Errc::unsupported_media_type},
        HeadCase{"too_many_fields", head_of(100), Errc::headers_too_large},
        HeadCase{"too_large", post("X: " + std::string(33'000, 'a') + "\r\n"),
                 Errc::headers_too_large},
        HeadCase{"unfinished", "GET / HTTP/1.1\r\nHost: a\r\n", Errc::malformed},
        HeadCase{"goes_on", "GET / HTTP/1.1\r\nHost: a\r\n\r\nX: y\r\n\r\n", Errc::malformed},
        HeadCase{"empty", "", Errc::malformed}, HeadCase{"only_end", "\r\n\r\n", Errc::malformed}),
    [](const auto& info) { return info.param.name; });

TEST(RequestGuard, tells_how_the_body_is_framed) {
    Request request;
    const auto plain = read_request_head(post(""), {}, request);
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->framing, Framing::none);
    EXPECT_TRUE(plain->keep_alive);
    EXPECT_EQ(request.method, Method::post);
    EXPECT_EQ(request.path(), "/v1/events");
    EXPECT_EQ(request.headers.get("HOST"), "a.example");
    const auto sized =
        read_request_head(post("content-length: 42\r\nConnection: x, Close\r\n"), {}, request);
    ASSERT_TRUE(sized);
    EXPECT_EQ(sized->framing, Framing::length);
    EXPECT_EQ(sized->content_length, 42U);
    EXPECT_FALSE(sized->keep_alive);
    const auto zero = read_request_head(post("Content-Length: 0\r\n"), {}, request);
    ASSERT_TRUE(zero);
    EXPECT_EQ(zero->framing, Framing::none);
    const auto old = read_request_head("GET /?a=1 HTTP/1.0\r\n\r\n", {}, request);
    ASSERT_TRUE(old);
    EXPECT_FALSE(old->keep_alive);
    EXPECT_EQ(request.query(), "a=1");
}

struct AnswerCase {
    const char* name;
    std::string head;
    Errc refused;
};

class ResponseGuard : public testing::TestWithParam<AnswerCase> {};

TEST_P(ResponseGuard, refuses_the_head) {
    Headers headers;
    const auto head = read_response_head(GetParam().head, Method::post, {}, headers);
    ASSERT_FALSE(head);
    EXPECT_EQ(head.error().code, GetParam().refused) << head.error().detail;
}

INSTANTIATE_TEST_SUITE_P(
    All, ResponseGuard,
    testing::Values(
        AnswerCase{"http09", "hello\r\n\r\n", Errc::protocol_error},
        AnswerCase{"http2", "HTTP/2 200 OK\r\n\r\n", Errc::protocol_error},
        AnswerCase{"status_999", "HTTP/1.1 999 X\r\n\r\n", Errc::protocol_error},
        AnswerCase{"status_099", "HTTP/1.1 099 X\r\n\r\n", Errc::protocol_error},
        AnswerCase{"status_negative", "HTTP/1.1 -1 X\r\n\r\n", Errc::protocol_error},
        AnswerCase{"status_long", "HTTP/1.1 2000 X\r\n\r\n", Errc::protocol_error},
        AnswerCase{"nul_reason", std::string{"HTTP/1.1 200 O\0K\r\n\r\n", 20},
                   Errc::protocol_error},
        AnswerCase{"length_and_chunked",
                   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                   Errc::protocol_error},
        AnswerCase{"coding_unknown", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                   Errc::protocol_error},
        AnswerCase{"lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                   Errc::protocol_error},
        AnswerCase{"folded", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", Errc::protocol_error},
        AnswerCase{"bare_lf", "HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n", Errc::protocol_error},
        AnswerCase{"nul_field", std::string{"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", 25},
                   Errc::protocol_error},
        AnswerCase{"fields", "HTTP/1.1 200 OK\r\n" + head_of(101).substr(16),
                   Errc::headers_too_large}),
    [](const auto& info) { return info.param.name; });

TEST(ResponseGuard, tells_how_the_body_is_framed) {
    Headers headers;
    const auto framing = [&](std::string_view head, Method method) {
        const auto read = read_response_head(head, method, {}, headers);
        EXPECT_TRUE(read) << head;
        return read ? read->framing : Framing::none;
    };
    EXPECT_EQ(framing("HTTP/1.1 200\r\n\r\n", Method::get), Framing::until_close);
    EXPECT_EQ(framing("HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\n", Method::get), Framing::length);
    EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Method::head), Framing::none);
    EXPECT_EQ(framing("HTTP/1.1 204 OK\r\nContent-Length: 3\r\n\r\n", Method::get), Framing::none);
    EXPECT_EQ(framing("HTTP/1.1 304 OK\r\nContent-Length: 3\r\n\r\n", Method::get), Framing::none);
    EXPECT_EQ(framing("HTTP/1.1 103 Early\r\n\r\n", Method::get), Framing::none);
    EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::get),
              Framing::chunked);
}

TEST(HeadScanner, finds_the_end_however_the_bytes_arrive) {
    const std::string head = post("X: y\r\n");
    HeadScanner scanner;
    for (std::size_t size = 1; size < head.size(); ++size)
        ASSERT_EQ(scanner.scan(std::string_view{head}.substr(0, size)), HeadScanner::Found::more);
    EXPECT_EQ(scanner.scan(head + "rest"), HeadScanner::Found::end);
    EXPECT_EQ(scanner.size(), head.size());
    scanner.reset();
    EXPECT_EQ(scanner.scan("GET / HTTP/1.1\n"), HeadScanner::Found::bare_line);
}

Result<std::string> decode(std::string_view coded, std::size_t piece) {
    ChunkedDecoder decoder;
    std::string out;
    std::string_view rest = coded;
    while (!decoder.done()) {
        if (rest.empty()) return fail(Errc::connection_closed, "unfinished");
        TRY(const auto step, decoder.feed(rest.substr(0, piece)));
        out += step.data;
        rest.remove_prefix(step.consumed);
    }
    if (!rest.empty()) return fail(Errc::conflict, "left over");
    return out;
}

TEST(ChunkedDecoder, reads_bodies_however_they_are_cut) {
    const std::string coded =
        "5\r\nhello\r\n1;name=\"v\\\"\"\r\n \r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";
    for (std::size_t piece = 1; piece <= coded.size(); ++piece) {
        const auto body = decode(coded, piece);
        ASSERT_TRUE(body) << piece << " " << body.error().detail;
        EXPECT_EQ(*body, "hello 0123456789");
    }
    EXPECT_EQ(decode("0\r\n\r\n", 1).value(), "");
}

TEST(ChunkedDecoder, refuses_what_could_be_read_in_two_ways) {
    for (const std::string& coded :
         std::vector<std::string>{"\r\n\r\n",
                                  "g\r\n",
                                  "-1\r\n",
                                  "+1\r\na\r\n",
                                  "0x1\r\na\r\n",
                                  " 1\r\na\r\n",
                                  "1 \r\na\r\n",
                                  "1\na\n0\n\n",
                                  "1\r\nab\r\n",
                                  "1\r\na\n0\r\n\r\n",
                                  "1\r\na0\r\n\r\n",
                                  "1;a\nb\r\na\r\n",
                                  "0\r\nX: a\nY: b\r\n\r\n",
                                  "0\r\nX: a\r\n\n",
                                  "1;a=\"\r\na\r\n0\r\n\r\n",
                                  "1;a=\"\\\"\r\na\r\n0\r\n\r\n",
                                  "0\r\nX a\r\n\r\n",
                                  "0\r\nX : a\r\n\r\n",
                                  "0\r\n: a\r\n\r\n",
                                  "0\r\nX: a\r\n folded\r\n\r\n",
                                  "FFFFFFFFFFFFFFFFF\r\n",
                                  "1;" + std::string(300, 'a') + "\r\na\r\n0\r\n\r\n",
                                  "0\r\nX: " + std::string(9000, 'a') + "\r\n\r\n",
                                  "0\r\n" +
                                      [] {
                                          std::string many;
                                          for (int i = 0; i < 17; ++i) many += "X: a\r\n";
                                          return many;
                                      }() +
                                      "\r\n"}) {
        for (const std::size_t piece : {std::size_t{1}, coded.size()}) {
            const auto body = decode(coded, piece);
            ASSERT_FALSE(body) << coded.substr(0, 40);
            EXPECT_EQ(body.error().code, Errc::malformed) << coded.substr(0, 40);
        }
    }
}

TEST(ChunkedDecoder, is_never_done_with_a_body_that_is_not_ended_rightly) {
    ChunkedDecoder decoder;
    EXPECT_FALSE(decoder.feed("0\r\n\rX"));
    EXPECT_FALSE(decoder.done());
}

}  // namespace
}  // namespace blotter::http
