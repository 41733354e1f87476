#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace blotter::security {

enum class IpFamily : std::uint8_t { v4 = 4, v6 = 6 };

/// An IPv4 or IPv6 address without a zone. A value; an IPv4 address fills the first four bytes.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};
    IpFamily family = IpFamily::v4;

    /// IPv4 as four decimal numbers without leading zeros, or IPv6 as in RFC 4291 section 2.2.
    /// No brackets, no zone, no short or octal or hexadecimal IPv4.
    static Result<IpAddress> parse(std::string_view text);
    /// From 4 or 16 bytes in network order, as a socket has them; any other length is refused.
    static Result<IpAddress> from_bytes(ByteView bytes);

    ByteView view() const { return ByteView{bytes}.first(family == IpFamily::v4 ? 4 : 16); }
    unsigned bits() const { return family == IpFamily::v4 ? 32 : 128; }
    /// The IPv4 address inside ::ffff:0:0/96, else the address itself.
    IpAddress unmapped() const;

    auto operator<=>(const IpAddress&) const = default;
};

/// "127.0.0.1", "2001:db8::1" (RFC 5952).
std::string to_text(const IpAddress& address);

/// A block of addresses: those whose first `prefix_bits` bits are those of `base`. A value; the
/// bits of `base` behind the prefix are zero.
struct Cidr {
    IpAddress base;
    std::uint8_t prefix_bits = 32;

    /// "10.0.0.0/8", or an address alone for that address. Refuses bits behind the prefix and IPv4
    /// written as ::ffff:a.b.c.d.
    static Result<Cidr> parse(std::string_view text);

    bool contains(const IpAddress& address) const;
    /// True when every address of `other` is in this block.
    bool contains(const Cidr& other) const;

    auto operator<=>(const Cidr&) const = default;
};

std::string to_text(const Cidr& cidr);

}  // namespace blotter::security
