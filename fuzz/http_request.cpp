// Heads of requests: the guard, with Boost.Beast as the witness that what it accepts means the same
// to another program; then the paths and queries inside.
#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

#include "fuzz/target.hpp"
#include "fuzz/witness.hpp"
#include "http/guard.hpp"
#include "http/router.hpp"

namespace blotter::fuzz {
namespace {

namespace beast = boost::beast;
using namespace http;

/// Where the head ends does not depend on how its bytes arrive.
HeadScanner::Found scan(std::string_view input, std::size_t& size) {
    HeadScanner whole;
    const auto found = whole.scan(input);
    HeadScanner pieces;
    Draw draw{input};
    auto last = HeadScanner::Found::more;
    for (std::size_t have = 0; last == HeadScanner::Found::more && have < input.size();) {
        have = std::min(input.size(), have + 1 + draw.below(16));
        last = pieces.scan(input.substr(0, have));
    }
    INVARIANT(last == found);
    if (found == HeadScanner::Found::end) INVARIANT(pieces.size() == whole.size());
    size = whole.size();
    return found;
}

std::string plain(std::string_view name) {
    std::string out{name};
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

void check_witness(std::string_view text, const RequestHead& head, const Request& request) {
    beast::http::request_parser<beast::http::empty_body> theirs;
    theirs.header_limit(64 * 1024);
    theirs.body_limit(boost::none);
    beast::error_code error;
    const std::size_t used = theirs.put(boost::asio::buffer(text), error);
    // A Connection field that is no list: what the witness refuses it cannot misread.
    if (error == beast::http::error::bad_value) return;
    INVARIANT(!error || error == beast::http::error::need_more);
    INVARIANT(theirs.is_header_done() && used == text.size());
    INVARIANT(theirs.chunked() == (head.framing == Framing::chunked));
    INVARIANT(theirs.content_length().value_or(0) == head.content_length);
    INVARIANT(head.keep_alive == (theirs.keep_alive() && !says_close(request.headers)));
    INVARIANT(theirs.get().version() == 10U + static_cast<unsigned>(head.minor_version));
    INVARIANT(std::string_view{theirs.get().method_string()} == to_text(request.method));
    INVARIANT(std::string_view{theirs.get().target()} == request.target);
    // The witness keeps fields of one name side by side, in their order.
    std::map<std::string, std::vector<std::string>> mine;
    std::map<std::string, std::vector<std::string>> its;
    for (const auto& [name, value] : request.headers) mine[plain(name)].emplace_back(value);
    for (const auto& field : theirs.get())
        its[plain(field.name_string())].emplace_back(field.value());
    INVARIANT(mine == its);
}

std::string print(const RequestHead& head, const Request& request) {
    std::string out = fmt::format("{} {} HTTP/1.{}\r\n", to_text(request.method), request.target,
                                  head.minor_version);
    for (const auto& [name, value] : request.headers) out += fmt::format("{}: {}\r\n", name, value);
    return out + "\r\n";
}

void check_head(std::string_view text) {
    Request request;
    const auto head = read_request_head(text, {}, request);
    if (!head) return;
    std::size_t size = 0;
    INVARIANT(scan(text, size) == HeadScanner::Found::end && size == text.size());
    INVARIANT(request.target.starts_with('/'));
    INVARIANT(head->framing == Framing::length || head->content_length == 0);
    for (const auto& [name, value] : request.headers)
        INVARIANT(is_token(name) && is_field_value(value));
    check_witness(text, *head, request);

    const std::string printed = print(*head, request);
    Request again;
    const auto second = read_request_head(printed, {}, again);
    INVARIANT(second && second->framing == head->framing &&
              second->content_length == head->content_length &&
              second->keep_alive == head->keep_alive && print(*second, again) == printed);
}

const Router& router() {
    static const Router made = [] {
        Router out;
        std::uint32_t number = 0;
        for (const char* pattern : {"/v1/events", "/v1/events/{event_id}", "/v1/files/{rest...}",
                                    "/v1/envelopes/{envelope_id}/send", "/l/{token}"})
            INVARIANT(out.add(Method::get, pattern, RouteId{number++}));
        return out;
    }();
    return made;
}

void check_target(std::string_view target) {
    const std::string_view path = target.substr(0, target.find('?'));
    const auto found = router().find(Method::get, path);
    if (const auto* match = std::get_if<Router::Match>(&found))
        for (const auto& [name, value] : match->parameters.values()) {
            INVARIANT(name == "rest" || !value.contains('/'));
            INVARIANT(!value.empty() && value != "." && value != ".." && !value.contains('\\'));
            INVARIANT(std::ranges::none_of(value, [](unsigned char c) { return c < 0x20; }));
        }
    const auto query = Query::parse(target.substr(std::min(path.size() + 1, target.size())));
    if (!query) return;
    std::string printed;
    for (const auto& [name, value] : query->pairs()) {
        INVARIANT(*query->find(name) == value);
        for (const std::string* part : {&name, &value}) {
            for (const char c : *part)
                printed += fmt::format("%{:02X}", static_cast<unsigned char>(c));
            printed += part == &name ? "=" : "&";
        }
    }
    if (!printed.empty()) printed.pop_back();
    const auto again = Query::parse(printed);
    INVARIANT(again && again->pairs().size() == query->pairs().size());
    for (const auto& [name, value] : again->pairs()) INVARIANT(*query->find(name) == value);
}

}  // namespace

void run(std::string_view input) {
    std::size_t size = 0;
    if (scan(input, size) == HeadScanner::Found::end) check_head(input.substr(0, size));
    check_head(input);
    std::string_view line = input.substr(0, input.find("\r\n"));
    take_until(line, ' ');
    check_target(take_until(line, ' '));
}

}  // namespace blotter::fuzz
