// Boost.Beast as an independent witness: a head that the guard accepts must mean the same to
// another program, or the two could be played off against each other (request smuggling).
#include <random>

#include <boost/beast/core/multi_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/src.hpp>
#include <gtest/gtest.h>

#include "http/guard.hpp"

namespace blotter::http {
namespace {

namespace beast = boost::beast;

const std::vector<std::string> seeds{
    "POST /v1/events?a=b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\nX-A: b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close, x\r\n\r\n",
    "GET /%20 HTTP/1.0\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"};

/// One to four small injuries of the kinds that parsers disagree about.
std::string injure(std::string head, std::mt19937& random) {
    static constexpr std::string_view bytes{"\r\n\t :;,\0\x0b\x7f\xff\x30+-ax", 16};
    static const std::vector<std::string> lines{"Content-Length: 5\r\n",
                                                "Content-Length: 12\r\n",
                                                "Transfer-Encoding: chunked\r\n",
                                                "Transfer-Encoding: identity\r\n",
                                                "Host: b\r\n",
                                                " folded\r\n",
                                                "\r\n",
                                                "\n",
                                                "Content-Length : 3\r\n",
                                                "Transfer-Encoding : chunked\r\n"};
    const auto below = [&](std::size_t limit) { return random() % limit; };
    for (std::size_t injuries = 1 + below(4); injuries > 0; --injuries) {
        const std::size_t at = below(head.size());
        switch (below(4)) {
            case 0:
                head[at] = bytes[below(bytes.size())];
                break;
            case 1:
                head.insert(at, 1, bytes[below(bytes.size())]);
                break;
            case 2:
                head.erase(at, 1 + below(2));
                break;
            default: {
                const auto line = head.find("\r\n", at);
                head.insert(line == std::string::npos ? head.size() : line + 2,
                            lines[below(lines.size())]);
            }
        }
    }
    return head;
}

TEST(Witness, reads_every_accepted_head_alike) {
    std::mt19937 random{20260526};
    int accepted = 0;
    int refused = 0;
    for (int round = 0; round < 60'000; ++round) {
        const std::string head = injure(seeds[random() % seeds.size()], random);
        Request request;
        const auto ours = read_request_head(head, {}, request);
        if (!ours) continue;
        ++accepted;
        beast::http::request_parser<beast::http::empty_body> theirs;
        theirs.header_limit(64 * 1024);
        beast::error_code error;
        const std::size_t used = theirs.put(boost::asio::buffer(head), error);
        // What the witness refuses (a Connection field that is no list, say) it cannot misread.
        if (error && error != beast::http::error::need_more) {
            ++refused;
            continue;
        }
        ASSERT_TRUE(theirs.is_header_done()) << head;
        ASSERT_EQ(used, head.size()) << head;
        ASSERT_EQ(theirs.chunked(), ours->framing == Framing::chunked) << head;
        const auto length = theirs.content_length();
        ASSERT_EQ(length ? *length : 0U, ours->content_length) << head;
        ASSERT_EQ(theirs.keep_alive(), ours->keep_alive) << head;
        ASSERT_EQ(std::string_view{theirs.get().target()}, request.target) << head;
        ASSERT_EQ(static_cast<std::size_t>(std::distance(theirs.get().begin(), theirs.get().end())),
                  request.headers.size())
            << head;
    }
    EXPECT_GT(accepted - refused, 1000);
    EXPECT_LT(refused, accepted / 10);
}

}  // namespace
}  // namespace blotter::http
