#include "security/url.hpp"

#include <algorithm>
#include <charconv>

#include <boost/url/parse.hpp>

namespace blotter::security {
namespace {

constexpr std::string_view not_a_url =
    "this is not a URL of the form https://host/path (RFC 3986); a % must be followed by two "
    "hexadecimal digits";

std::unexpected<Error> refuse(std::string_view why) {
    return fail(Errc::invalid_argument, std::string{why});
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return c >= 'a' && c <= 'z';
}

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

Result<> check_characters(std::string_view text) {
    if (text.empty()) return refuse("the URL is empty");
    if (text.size() > url_bytes_max)
        return refuse("the URL has " + std::to_string(text.size()) + " bytes; at most " +
                      std::to_string(url_bytes_max) + " are allowed");
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80)
            return refuse(
                "the URL holds a character outside ASCII; write an international host name in its "
                "punycode form (xn--…) and percent-encode the rest");
        if (byte <= 0x20 || byte == 0x7f)
            return refuse("the URL holds a space, a line end or another control character");
        if (c == '\\') return refuse("the URL holds a backslash; use / between its parts");
    }
    return {};
}

/// Labels of letters, digits and inner hyphens (RFC 1123 section 2.1).
bool is_dns_name(std::string_view host) {
    if (host.size() > 253) return false;
    while (true) {
        const std::size_t dot = host.find('.');
        const std::string_view label = host.substr(0, dot);
        const auto ldh = [](char c) { return is_letter(c) || is_digit(c) || c == '-'; };
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
            !std::ranges::all_of(label, ldh))
            return false;
        if (dot == std::string_view::npos) return true;
        host.remove_prefix(dot + 1);
    }
}

/// True where a browser or inet_aton would read an IPv4 address: the last label is a number,
/// decimal or hexadecimal (the "ends in a number" test of the WHATWG URL standard).
bool looks_like_ipv4(std::string_view host) {
    const std::size_t dot = host.rfind('.');
    const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
    if (last.empty()) return false;
    return std::ranges::all_of(last, is_digit) || last.starts_with("0x");
}

Result<> read_host(Url& url, std::string_view text) {
    url.host = lower(text);
    if (url.host.empty()) return refuse("the URL names no host");
    if (url.host.starts_with('[')) {
        const auto address = IpAddress::parse(text.substr(1, text.size() - 2));
        if (!address || address->family != IpFamily::v6)
            return refuse("the brackets in the URL must hold a plain IPv6 address");
        url.address = *address;
        url.host = to_text(*address);
        return {};
    }
    if (url.host.ends_with('.')) return refuse("the host of the URL may not end with a dot");
    if (looks_like_ipv4(url.host)) {
        const auto address = IpAddress::parse(url.host);
        if (!address)
            return refuse(
                "the host of the URL is a number but not an IPv4 address; write four "
                "decimal numbers without leading zeros, for example 192.0.2.1");
        url.address = *address;
        return {};
    }
    if (!is_dns_name(url.host))
        return refuse(
            "the host of the URL must be a DNS name of letters, digits, hyphens and dots "
            "(at most 253), or an IP address");
    return {};
}

Result<> read_port(Url& url, std::string_view digits) {
    unsigned port = 0;
    const char* const end = digits.data() + digits.size();
    const bool shaped = !digits.empty() && digits.size() <= 5 && digits[0] != '0';
    if (!shaped || std::from_chars(digits.data(), end, port).ptr != end || port > 65535)
        return refuse("the port of the URL must be a number from 1 to 65535");
    url.port = static_cast<std::uint16_t>(port);
    return {};
}

/// The scheme; the text behind its ":" is left in `text`.
Result<UrlScheme> take_scheme(std::string_view& text) {
    const std::size_t colon = text.find(':');
    const std::string scheme = lower(text.substr(0, std::min(colon, std::size_t{32})));
    const auto allowed = [](char c) {
        return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
    };
    if (colon == std::string_view::npos || scheme.empty() || !std::ranges::all_of(scheme, allowed))
        return refuse(not_a_url);
    text.remove_prefix(colon + 1);
    if (scheme == "https") return UrlScheme::https;
    if (scheme == "http") return UrlScheme::http;
    return refuse("the scheme '" + scheme + "' is not allowed; use https");
}

Result<> read_authority(Url& url, std::string_view authority) {
    if (authority.contains('@'))
        return refuse("the URL may not hold a user name or password; send credentials in a header");
    std::size_t host_end = authority.find(':');
    if (authority.starts_with('[')) {
        const std::size_t bracket = authority.find(']');
        if (bracket == std::string_view::npos) return refuse(not_a_url);
        host_end = bracket + 1;
    }
    host_end = std::min(host_end, authority.size());
    CHECK(read_host(url, authority.substr(0, host_end)));
    url.port = url.scheme == UrlScheme::https ? 443 : 80;
    if (host_end == authority.size()) return {};
    if (authority[host_end] != ':') return refuse(not_a_url);
    return read_port(url, authority.substr(host_end + 1));
}

}  // namespace

// Scheme and authority are split here, by a grammar much smaller than that of RFC 3986: Boost.URL
// 1.81 reads https://10.0.0.1.example/ as the host 10.0.0.1 and the path ".example/", which is
// exactly the kind of second opinion about a host that must not exist. It judges path and query.
Result<Url> parse_url(std::string_view text) {
    CHECK(check_characters(text));
    Url url;
    TRY(url.scheme, take_scheme(text));
    if (!text.starts_with("//")) return refuse("the URL needs // and a host after its scheme");
    text.remove_prefix(2);
    if (text.contains('#'))
        return refuse("the URL may not hold a fragment (#…); it would never reach the receiver");
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    CHECK(read_authority(url, text.substr(0, end)));
    url.target = text.substr(end);
    if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
    if (!boost::urls::parse_origin_form(url.target)) return refuse(not_a_url);
    return url;
}

std::string host_header(const Url& url) {
    const bool bracketed = url.address && url.address->family == IpFamily::v6;
    std::string out = bracketed ? "[" + url.host + "]" : url.host;
    if (url.port != (url.scheme == UrlScheme::https ? 443 : 80))
        out += ":" + std::to_string(url.port);
    return out;
}

std::string to_text(const Url& url) {
    return (url.scheme == UrlScheme::https ? "https://" : "http://") + host_header(url) +
           url.target;
}

}  // namespace blotter::security
