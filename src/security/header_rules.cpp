#include "security/header_rules.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace blotter::security {
namespace {

/// std::ranges::contains, which the standard library of GCC 12 does not have yet.
bool contains(const auto& range, const auto& value) {
    return std::ranges::find(range, value) != std::ranges::end(range);
}

// Names that the client writes itself, or that would change how a request is read.
constexpr std::string_view reserved_names[] = {
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
};
constexpr std::string_view reserved_prefixes[] = {"webhook-", "proxy-", "sec-"};
constexpr std::string_view sensitive_parts[] = {"auth",   "cookie",   "key",      "token",
                                                "secret", "password", "signature"};

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

bool is_token_character(char c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return alnum || std::string_view{"!#$%&'*+-.^_`|~"}.contains(c);
}

std::unexpected<Error> refuse(std::string why, std::string pointer) {
    return fail(Errc::invalid_argument, std::move(why), std::move(pointer));
}

Result<> check_name(std::string_view name, const std::string& pointer) {
    if (name.empty() || name.size() > custom_header_name_bytes_max ||
        !std::ranges::all_of(name, is_token_character))
        return refuse("a header name has 1 to 64 letters, digits and hyphens (an RFC 9110 token)",
                      pointer);
    const std::string plain = lower(name);
    const bool reserved = contains(reserved_names, std::string_view{plain}) ||
                          std::ranges::any_of(reserved_prefixes, [&](std::string_view prefix) {
                              return plain.starts_with(prefix);
                          });
    if (reserved)
        return refuse("the header '" + plain + "' is written by Blotter itself and cannot be set",
                      pointer);
    return {};
}

Result<> check_value(std::string_view value, const std::string& pointer) {
    if (value.size() > custom_header_value_bytes_max)
        return refuse(
            "a header value has at most 2048 bytes, this one has " + std::to_string(value.size()),
            pointer);
    const auto allowed = [](char c) { return c == '\t' || (c >= 0x20 && c < 0x7f); };
    if (!std::ranges::all_of(value, allowed))
        return refuse(
            "a header value may hold visible ASCII, spaces and tabs only; line ends and "
            "other control characters would add headers of their own",
            pointer);
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    if (!value.empty() && (blank(value.front()) || blank(value.back())))
        return refuse("a header value may not begin or end with a space or tab", pointer);
    return {};
}

}  // namespace

Result<> check_custom_headers(std::span<const HeaderView> headers, const HeaderRules& rules) {
    if (headers.size() > custom_headers_max)
        return refuse("a destination has at most 32 custom headers, these are " +
                          std::to_string(headers.size()),
                      "/headers");
    std::vector<std::string> seen;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const std::string pointer = "/headers/" + std::to_string(i);
        const auto& [name, value] = headers[i];
        CHECK(check_name(name, pointer));
        CHECK(check_value(value, pointer));
        std::string plain = lower(name);
        if (!rules.signature_header.empty() && plain == lower(rules.signature_header))
            return refuse("the header '" + plain + "' carries the signature of this destination",
                          pointer);
        if (plain == "authorization" && rules.authorization == HeaderRules::Authorization::taken)
            return refuse(
                "Authorization carries the bearer key of this destination; remove one of "
                "the two",
                pointer);
        if (contains(seen, plain))
            return refuse("the header '" + plain + "' is there twice", pointer);
        seen.push_back(std::move(plain));
        bytes += name.size() + value.size() + 4;  // ": " and CR LF
    }
    if (bytes > custom_headers_bytes_max)
        return refuse("the custom headers have " + std::to_string(bytes) +
                          " bytes together; at most 8192 are allowed",
                      "/headers");
    return {};
}

Result<> check_signature_header_name(std::string_view name) {
    CHECK(check_name(name, ""));
    const std::string plain = lower(name);
    if (plain == "authorization" || plain == "cookie")
        return refuse("a signature cannot be sent in '" + plain +
                          "'; use a name of its own such "
                          "as X-Signature",
                      "");
    return {};
}

bool is_sensitive_header(std::string_view name) {
    const std::string plain = lower(name);
    return std::ranges::any_of(sensitive_parts,
                               [&](std::string_view part) { return plain.contains(part); });
}

}  // namespace blotter::security
