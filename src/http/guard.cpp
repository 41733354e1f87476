#include "http/guard.hpp"

#include <algorithm>
#include <charconv>

namespace blotter::http {
namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Takes one line without its CRLF off the front; the head is known to consist of whole lines.
std::string_view take_line(std::string_view& rest) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    return line;
}

/// What the fields say about the message as a whole.
struct Meaning {
    int hosts = 0;
    int lengths = 0;
    int transfer_codings = 0;
    std::string_view host;
    std::string_view length;
    std::string_view transfer_coding;
    std::string_view expect;
    bool coded = false;  ///< a Content-Encoding other than identity
    bool close = false;
    bool keep_alive = false;
};

void note_connection(std::string_view value, Meaning& meaning) {
    while (!value.empty()) {
        const std::size_t comma = value.find(',');
        const std::string_view option = trim(value.substr(0, comma));
        if (equal_ignoring_case(option, "close")) meaning.close = true;
        if (equal_ignoring_case(option, "keep-alive")) meaning.keep_alive = true;
        value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    }
}

void note(std::string_view name, std::string_view value, Meaning& meaning) {
    // The length decides first: most fields are none of these.
    switch (name.size()) {
        case 4:
            if (!equal_ignoring_case(name, "host")) return;
            ++meaning.hosts;
            meaning.host = value;
            return;
        case 6:
            if (equal_ignoring_case(name, "expect")) meaning.expect = value;
            return;
        case 10:
            if (equal_ignoring_case(name, "connection")) note_connection(value, meaning);
            return;
        case 14:
            if (!equal_ignoring_case(name, "content-length")) return;
            ++meaning.lengths;
            meaning.length = value;
            return;
        case 16:
            if (equal_ignoring_case(name, "content-encoding") &&
                !equal_ignoring_case(value, "identity"))
                meaning.coded = true;
            return;
        case 17:
            if (!equal_ignoring_case(name, "transfer-encoding")) return;
            ++meaning.transfer_codings;
            meaning.transfer_coding = value;
            return;
        default:
            return;
    }
}

Result<Meaning> read_fields(std::string_view rest, const HeadLimits& limits, Headers& headers) {
    Meaning meaning;
    headers.clear();
    for (;;) {
        const std::string_view line = take_line(rest);
        if (line.empty()) break;
        if (line.front() == ' ' || line.front() == '\t')
            return fail(Errc::malformed, "a folded header line is not accepted");
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos)
            return fail(Errc::malformed, "a header line has no colon");
        const std::string_view name = line.substr(0, colon);
        if (!is_token(name))
            return fail(Errc::malformed, "a header name holds a space or another wrong character");
        const std::string_view value = trim(line.substr(colon + 1));
        if (!is_field_value(value))
            return fail(Errc::malformed,
                        "the header " + std::string{name} + " holds a control character");
        if (headers.size() >= std::min(limits.fields_max, Headers::fields_max))
            return fail(Errc::headers_too_large,
                        "more than " + std::to_string(limits.fields_max) + " header fields");
        headers.add(name, value);
        note(name, value, meaning);
    }
    if (!rest.empty()) return fail(Errc::malformed, "the head goes on after its end");
    return meaning;
}

Result<std::uint64_t> read_length(const Meaning& meaning) {
    std::uint64_t value = 0;
    const char* const end = meaning.length.data() + meaning.length.size();
    const auto [stop, error] = std::from_chars(meaning.length.data(), end, value);
    if (meaning.lengths > 1 || error != std::errc{} || stop != end || meaning.length.size() > 18 ||
        !std::ranges::all_of(meaning.length, is_digit))
        return fail(Errc::malformed, "Content-Length must be one whole number, given once");
    return value;
}

Result<> check_chunked(const Meaning& meaning, int minor_version) {
    if (meaning.transfer_codings > 1 || !equal_ignoring_case(meaning.transfer_coding, "chunked"))
        return fail(Errc::malformed, "the only Transfer-Encoding understood is chunked, once");
    if (meaning.lengths > 0)
        return fail(Errc::malformed, "Content-Length and Transfer-Encoding exclude each other");
    if (minor_version == 0)
        return fail(Errc::malformed, "Transfer-Encoding does not exist in HTTP/1.0");
    return {};
}

bool is_host(std::string_view text) {
    return !text.empty() && text.size() <= 255 + 6 && std::ranges::all_of(text, [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
               c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
    });
}

/// Gives the digit after "HTTP/1."; the version of another major number is its own error.
Result<int> read_version(std::string_view text) {
    if (text == "HTTP/1.1") return 1;
    if (text == "HTTP/1.0") return 0;
    const bool shaped = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                        text[6] == '.' && is_digit(text[7]);
    if (shaped) return fail(Errc::http_version, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    return fail(Errc::malformed, "the request line is not 'METHOD /path HTTP/1.1'");
}

Result<int> read_request_line(std::string_view line, const HeadLimits& limits, Request& request) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return fail(Errc::malformed, "the request line is not 'METHOD /path HTTP/1.1'");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    if (!is_token(method)) return fail(Errc::malformed, "the method is not a word");
    if (target.size() > limits.target_bytes_max)
        return fail(Errc::uri_too_long, "the request target is longer than " +
                                            std::to_string(limits.target_bytes_max) + " bytes");
    TRY(const int minor_version, read_version(line.substr(last + 1)));
    const bool visible =
        std::ranges::all_of(target, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
    if (!target.starts_with('/') || !visible)
        return fail(Errc::malformed,
                    "the request target must be a path that starts with / and is percent-encoded");
    const auto known = parse_method(method);
    if (!known) return fail(Errc::not_implemented, "the method is not known here");
    request.method = *known;
    request.target.assign(target);
    return minor_version;
}

}  // namespace

Result<RequestHead> read_request_head(std::string_view head, const HeadLimits& limits,
                                      Request& request) {
    if (head.size() > limits.head_bytes_max)
        return fail(Errc::headers_too_large, "the request head is longer than " +
                                                 std::to_string(limits.head_bytes_max) + " bytes");
    if (!head.ends_with("\r\n\r\n"))
        return fail(Errc::malformed, "the head does not end with an empty line");
    const std::string_view line = take_line(head);
    RequestHead out;
    TRY(out.minor_version, read_request_line(line, limits, request));
    TRY(const Meaning meaning, read_fields(head, limits, request.headers));
    // HTTP/1.0 did not know Host; two of them, or an odd one, are wrong in any version.
    const bool host_missing = meaning.hosts == 0 && out.minor_version == 1;
    if (host_missing || meaning.hosts > 1 || (meaning.hosts == 1 && !is_host(meaning.host)))
        return fail(Errc::malformed, "there must be exactly one Host header with a valid name");
    if (meaning.transfer_codings > 0) {
        CHECK(check_chunked(meaning, out.minor_version));
        out.framing = Framing::chunked;
    } else if (meaning.lengths > 0) {
        TRY(out.content_length, read_length(meaning));
        out.framing = out.content_length > 0 ? Framing::length : Framing::none;
    }
    if (meaning.coded)
        return fail(Errc::unsupported_media_type,
                    "coded bodies are not accepted; send the body without Content-Encoding");
    if (!meaning.expect.empty() && out.minor_version == 1) {
        if (!equal_ignoring_case(meaning.expect, "100-continue"))
            return fail(Errc::expectation_failed, "the only expectation known is 100-continue");
        out.expects_continue = out.framing != Framing::none;
    }
    out.keep_alive = !meaning.close && (out.minor_version == 1 || meaning.keep_alive);
    return out;
}

namespace {

Result<ResponseHead> read_answer(std::string_view head, Method method, const HeadLimits& limits,
                                 Headers& headers) {
    if (head.size() > limits.head_bytes_max)
        return fail(Errc::headers_too_large, "the head of the answer is longer than " +
                                                 std::to_string(limits.head_bytes_max) + " bytes");
    if (!head.ends_with("\r\n\r\n"))
        return fail(Errc::malformed, "the head does not end with an empty line");
    const std::string_view line = take_line(head);
    const bool digits =
        line.size() >= 12 && is_digit(line[9]) && is_digit(line[10]) && is_digit(line[11]);
    const bool shaped = digits &&
                        (line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ")) &&
                        (line.size() == 12 || line[12] == ' ') && is_field_value(line);
    if (!shaped) return fail(Errc::malformed, "the answer does not start with an HTTP/1 status");
    ResponseHead out;
    out.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    if (out.status < 100 || out.status > 599)
        return fail(Errc::malformed, std::to_string(out.status) + " is no HTTP status");
    const int minor_version = line[7] - '0';
    TRY(const Meaning meaning, read_fields(head, limits, headers));
    out.keep_alive = !meaning.close && (minor_version == 1 || meaning.keep_alive);
    if (meaning.transfer_codings > 0) {
        CHECK(check_chunked(meaning, minor_version));
        out.framing = Framing::chunked;
    } else if (meaning.lengths > 0) {
        TRY(out.content_length, read_length(meaning));
        out.framing = out.content_length > 0 ? Framing::length : Framing::none;
    }
    // These never have a body, whatever their fields say (RFC 9112 section 6.3).
    if (method == Method::head || out.status < 200 || out.status == 204 || out.status == 304)
        out.framing = Framing::none;
    if (out.framing == Framing::until_close) out.keep_alive = false;
    return out;
}

}  // namespace

Result<ResponseHead> read_response_head(std::string_view head, Method method,
                                        const HeadLimits& limits, Headers& headers) {
    auto out = read_answer(head, method, limits, headers);
    // What is the caller's mistake in a request is the other side's breach in an answer.
    if (!out && out.error().code == Errc::malformed) out.error().code = Errc::protocol_error;
    return out;
}

HeadScanner::Found HeadScanner::scan(std::string_view all) {
    for (;;) {
        const std::size_t feed = all.find('\n', seen_);
        if (feed == std::string_view::npos) {
            seen_ = all.size();
            return Found::more;
        }
        if (feed == 0 || all[feed - 1] != '\r') return Found::bare_line;
        const bool empty_line = feed - line_ == 1;
        line_ = seen_ = feed + 1;
        if (empty_line) return Found::end;
    }
}

}  // namespace blotter::http
