#include "security/ip_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>

#include "base/invariant.hpp"

namespace blotter::security {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

IpAddress masked(IpAddress address, unsigned prefix_bits) {
    for (unsigned i = 0; i < address.bytes.size(); ++i) {
        const unsigned kept = prefix_bits > i * 8 ? std::min(8U, prefix_bits - i * 8) : 0;
        address.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
    }
    return address;
}

bool is_mapped(const IpAddress& address) {
    return address.family == IpFamily::v6 &&
           std::equal(mapped_prefix.begin(), mapped_prefix.end(), address.bytes.begin());
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    IpAddress out;
    out.family = text.contains(':') ? IpFamily::v6 : IpFamily::v4;
    const bool fits = text.size() < buffer.size() && !text.contains('\0');
    if (fits) std::ranges::copy(text, buffer.begin());
    // inet_pton takes the strict forms only (inet_aton would take 127.1 and 0x7f000001).
    if (!fits || ::inet_pton(out.family == IpFamily::v4 ? AF_INET : AF_INET6, buffer.data(),
                             out.bytes.data()) != 1)
        return fail(Errc::malformed,
                    "'" + std::string{text.substr(0, 64)} +
                        "' is not an IP address (four decimal numbers, or IPv6 without a zone)");
    return out;
}

Result<IpAddress> IpAddress::from_bytes(ByteView bytes) {
    if (bytes.size() != 4 && bytes.size() != 16)
        return fail(Errc::malformed, "an IP address has 4 or 16 bytes");
    IpAddress out;
    out.family = bytes.size() == 4 ? IpFamily::v4 : IpFamily::v6;
    std::ranges::copy(bytes, out.bytes.begin());
    return out;
}

IpAddress IpAddress::unmapped() const {
    if (!is_mapped(*this)) return *this;
    return *from_bytes(ByteView{bytes}.subspan(mapped_prefix.size()));
}

std::string to_text(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    const int family = address.family == IpFamily::v4 ? AF_INET : AF_INET6;
    INVARIANT(::inet_ntop(family, address.bytes.data(), buffer.data(), buffer.size()) != nullptr);
    return buffer.data();
}

Result<Cidr> Cidr::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    TRY(const IpAddress base, IpAddress::parse(text.substr(0, slash)));
    if (is_mapped(base))
        return fail(Errc::malformed, "write '" + std::string{text.substr(0, 64)} +
                                         "' as an IPv4 block, for example 10.0.0.0/8");
    unsigned prefix = base.bits();
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const char* const end = digits.data() + digits.size();
        const auto read = std::from_chars(digits.data(), end, prefix);
        const bool leading_zero = digits.size() > 1 && digits[0] == '0';
        if (read.ec != std::errc{} || read.ptr != end || leading_zero || prefix > base.bits())
            return fail(Errc::malformed, "'" + std::string{text.substr(0, 64)} +
                                             "' needs a number from 0 to " +
                                             std::to_string(base.bits()) + " after the /");
    }
    const Cidr out{base, static_cast<std::uint8_t>(prefix)};
    if (masked(base, prefix) != base)
        return fail(Errc::malformed,
                    "'" + std::string{text.substr(0, 64)} + "' has bits behind its prefix; is " +
                        to_text(Cidr{masked(base, prefix), out.prefix_bits}) + " meant?");
    return out;
}

// Every delivery asks this some forty times.
bool Cidr::contains(const IpAddress& address) const {
    if (address.family != base.family) return false;
    const std::size_t whole = prefix_bits / 8;
    // Most blocks that are asked differ here already.
    if (whole > 0 && address.bytes[0] != base.bytes[0]) return false;
    if (std::memcmp(address.bytes.data(), base.bytes.data(), whole) != 0) return false;
    const unsigned rest = prefix_bits % 8;
    return rest == 0 || ((address.bytes[whole] ^ base.bytes[whole]) >> (8 - rest)) == 0;
}

bool Cidr::contains(const Cidr& other) const {
    return other.prefix_bits >= prefix_bits && contains(other.base);
}

std::string to_text(const Cidr& cidr) {
    return to_text(cidr.base) + "/" + std::to_string(cidr.prefix_bits);
}

}  // namespace blotter::security
