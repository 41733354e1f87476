#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "security/ip_address.hpp"

namespace blotter::security {

inline constexpr std::size_t url_bytes_max = 2048;

enum class UrlScheme : std::uint8_t { http, https };

/// An http or https URL taken apart once; everything that connects or writes a request uses these
/// parts and never the text again, so that no second parser can see another host. A value.
struct Url {
    UrlScheme scheme = UrlScheme::https;
    /// Lower case; a DNS name (letters, digits, hyphens, dots) or an IP address without brackets.
    std::string host;
    /// The host, if it is an IP address.
    std::optional<IpAddress> address;
    std::uint16_t port = 443;
    /// Path and query as they go into the request line; at least "/". Visible ASCII only.
    std::string target;

    bool operator==(const Url&) const = default;
};

/// Reads a URL of RFC 3986 and refuses what is legal but only ever misread: user names,
/// fragments, characters outside visible ASCII, percent-encoded hosts, zone ids, trailing dots, and
/// IPv4 addresses in any form but four decimal numbers. At most 2048 bytes. Judges neither the
/// address nor the port nor whether plain http is wanted; that is the EgressGuard's.
Result<Url> parse_url(std::string_view text);

/// The normal form: default port left out, IPv6 in brackets.
std::string to_text(const Url& url);
/// The value of the Host header.
std::string host_header(const Url& url);

}  // namespace blotter::security
