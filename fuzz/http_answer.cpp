// Heads of answers, with Boost.Beast as the witness.
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

#include "fuzz/target.hpp"
#include "fuzz/witness.hpp"
#include "http/guard.hpp"

namespace blotter::fuzz {
namespace {

namespace beast = boost::beast;
using namespace http;

void check_witness(std::string_view text, Method method, const ResponseHead& head,
                   const Headers& headers) {
    beast::http::response_parser<beast::http::empty_body> theirs;
    theirs.header_limit(64 * 1024);
    theirs.body_limit(boost::none);
    theirs.skip(method == Method::head);
    beast::error_code error;
    std::string same{text};
    // Servers leave out the space before a missing reason, which we let pass and the witness not.
    constexpr std::size_t status_end = 12;
    if (same[status_end] == '\r') same.insert(status_end, 1, ' ');
    const std::size_t used = theirs.put(boost::asio::buffer(same), error);
    if (error == beast::http::error::bad_value) return;
    INVARIANT(!error || error == beast::http::error::need_more);
    INVARIANT(theirs.is_header_done() && used == same.size());
    INVARIANT(static_cast<int>(theirs.get().result_int()) == head.status);
    // The witness knows nothing of HEAD, 1xx, 204 and 304 beyond what it is told.
    if (head.framing == Framing::none) return;
    INVARIANT(theirs.chunked() == (head.framing == Framing::chunked));
    if (head.framing == Framing::length)
        INVARIANT(theirs.content_length().value_or(0) == head.content_length);
    else
        INVARIANT(!theirs.content_length());
    if (head.framing != Framing::until_close)
        INVARIANT(head.keep_alive == (theirs.keep_alive() && !says_close(headers)));
}

void check(std::string_view text, Method method) {
    Headers headers;
    const auto head = read_response_head(text, method, {}, headers);
    if (!head) return;
    INVARIANT(text.ends_with("\r\n\r\n"));
    INVARIANT(head->status >= 100 && head->status <= 999);
    INVARIANT(head->framing != Framing::until_close || !head->keep_alive);
    if (method == Method::head || head->status == 204 || head->status == 304)
        INVARIANT(head->framing == Framing::none || head->content_length == 0);
    check_witness(text, method, *head, headers);

    std::string printed = fmt::format("HTTP/1.1 {} x\r\n", head->status);
    for (const auto& [name, value] : headers) {
        INVARIANT(is_token(name) && is_field_value(value));
        printed += fmt::format("{}: {}\r\n", name, value);
    }
    printed += "\r\n";
    Headers again;
    const auto second = read_response_head(printed, method, {}, again);
    INVARIANT(second && second->framing == head->framing && again.size() == headers.size() &&
              second->content_length == head->content_length);
}

}  // namespace

void run(std::string_view input) {
    check(input, Method::post);
    check(input, Method::head);
}

}  // namespace blotter::fuzz
