// URLs and addresses of destinations: one reading only, and nothing that any resolver or library
// would take for a denied address.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>

#include "fuzz/target.hpp"
#include "security/egress.hpp"

namespace blotter::fuzz {
namespace {

using namespace security;

const EgressGuard& guard() {
    static const EgressGuard made =
        EgressGuard::create({
                                .plain_http = PlainHttp::allowed,
                                .allow = {Cidr::parse("10.7.0.0/16").value()},
                                .own = {{IpAddress::parse("203.0.114.9").value(), 8427}},
                            })
            .value();
    return made;
}

/// An IPv4 address at four bytes of an IPv6 one.
IpAddress inside(const IpAddress& outer, std::size_t at) {
    return IpAddress::from_bytes(outer.view().subspan(at, 4)).value();
}

/// What the operating system makes of a text, in its most generous reader too.
void check_address_text(const std::string& text) {
    std::array<std::uint8_t, 16> v6{};
    in_addr v4{};
    const bool is_v4 = ::inet_pton(AF_INET, text.c_str(), &v4) == 1;
    const bool is_v6 = ::inet_pton(AF_INET6, text.c_str(), v6.data()) == 1;
    const auto ours = IpAddress::parse(text);
    if (text.contains('\0')) {
        INVARIANT(!ours);
        return;
    }
    INVARIANT(ours.has_value() == (is_v4 || is_v6));
    if (!ours) return;
    const void* theirs = is_v4 ? static_cast<const void*>(&v4) : v6.data();
    INVARIANT(std::memcmp(ours->view().data(), theirs, ours->view().size()) == 0);
    INVARIANT(IpAddress::parse(to_text(*ours)).value() == *ours);
    INVARIANT(Cidr::parse(text).value_or(Cidr{}).contains(*ours) || ours->unmapped() != *ours);
    INVARIANT(kind_of(*ours).tier == kind_of(ours->unmapped()).tier);

    const bool reachable = guard().check_address({*ours, 443}).has_value();
    const AddressKind kind = kind_of(*ours);
    INVARIANT(!reachable || kind.tier == AddressTier::global || ours->unmapped().bytes[0] == 10);
    INVARIANT(kind.tier == AddressTier::global || kind.block.contains(ours->unmapped()));
    if (!is_v6 || !reachable) return;
    // Translators and tunnels lead to the IPv4 address inside: NAT64, 6to4.
    if (text.starts_with("64:ff9b::")) INVARIANT(guard().check_address({inside(*ours, 12), 443}));
    if (text.starts_with("2002:")) INVARIANT(guard().check_address({inside(*ours, 2), 443}));
}

void check_block(std::string_view text) {
    const auto block = Cidr::parse(text);
    if (!block) return;
    INVARIANT(Cidr::parse(to_text(*block)).value() == *block);
    INVARIANT(block->contains(block->base) && block->contains(*block));
    if (!check_allow_entry(*block)) return;
    const AddressKind kind = kind_of(block->base);
    INVARIANT(kind.tier != AddressTier::global && kind.block.contains(*block));
}

void check_parts(const Url& url) {
    INVARIANT(!url.host.empty() && url.host.size() <= 253 && url.port > 0);
    INVARIANT(url.target.starts_with('/'));
    for (const unsigned char c : url.target) INVARIANT(c > ' ' && c < 0x7f && c != '#');
    for (const unsigned char c : url.host) INVARIANT(c > ' ' && c < 0x7f && !std::isupper(c));
    const auto again = parse_url(to_text(url));
    INVARIANT(again && *again == url && to_text(*again) == to_text(url));
    INVARIANT(host_header(url).starts_with(url.host) || host_header(url).starts_with('['));
    // A host that is no address for us must be none for a C library either: it reads 0x7f.1,
    // 2130706433 and 017700000001 as 127.0.0.1.
    in_addr v4{};
    std::array<std::uint8_t, 16> v6{};
    if (url.address) {
        INVARIANT(IpAddress::parse(url.host).value() == *url.address);
    } else {
        INVARIANT(::inet_aton(url.host.c_str(), &v4) == 0);
        INVARIANT(::inet_pton(AF_INET6, url.host.c_str(), v6.data()) == 0);
    }
}

void check_url_text(std::string_view text) {
    const auto url = parse_url(text);
    if (url) check_parts(*url);
    const auto judged = guard().check_url(text);
    if (!judged) return;
    INVARIANT(url && *judged == *url);
    INVARIANT(url->host != "localhost" && !url->host.ends_with(".localhost"));
    INVARIANT(!url->address || guard().check_address({*url->address, url->port}));
    INVARIANT(guard().check_url(to_text(*url)));
}

}  // namespace

void run(std::string_view input) {
    const std::string_view line = input.substr(0, 4096);
    check_url_text(line);
    check_block(line);
    check_address_text(std::string{line});
}

}  // namespace blotter::fuzz
