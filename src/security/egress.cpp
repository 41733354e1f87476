#include "security/egress.hpp"

#include <algorithm>

#include "base/invariant.hpp"

namespace blotter::security {
namespace {

/// std::ranges::contains, which the standard library of GCC 12 does not have yet.
bool contains(const auto& range, const auto& value) {
    return std::ranges::find(range, value) != std::ranges::end(range);
}

struct BlockRow {
    std::string_view block;
    AddressTier tier;
    std::string_view what;
};

using enum AddressTier;

constexpr std::string_view loopback = "loopback";
constexpr std::string_view unspecified = "unspecified";
constexpr std::string_view unspecified_v4 = "unspecified (\"this network\")";

// The IANA special-purpose registries of both families. The longest matching block counts, so the
// metadata services inside broader blocks are named on their own.
constexpr BlockRow block_rows[] = {
    {"0.0.0.0/8", forbidden, unspecified_v4},
    {"10.0.0.0/8", private_network, "a private network (RFC 1918)"},
    {"100.64.0.0/10", private_network, "a carrier's shared network (RFC 6598)"},
    {"100.100.100.200/32", forbidden, "a cloud metadata service"},
    {"127.0.0.0/8", forbidden, loopback},
    {"168.63.129.16/32", forbidden, "a cloud metadata service"},
    {"169.254.0.0/16", forbidden, "link-local (cloud metadata)"},
    {"172.16.0.0/12", private_network, "a private network (RFC 1918)"},
    {"192.0.0.0/24", reserved, "reserved for protocols (RFC 6890)"},
    {"192.0.0.192/32", forbidden, "a cloud metadata service"},
    {"192.0.2.0/24", reserved, "for documentation (RFC 5737)"},
    {"192.88.99.0/24", reserved, "the retired 6to4 relay (RFC 7526)"},
    {"192.168.0.0/16", private_network, "a private network (RFC 1918)"},
    {"198.18.0.0/15", reserved, "for benchmarks (RFC 2544)"},
    {"198.51.100.0/24", reserved, "for documentation (RFC 5737)"},
    {"203.0.113.0/24", reserved, "for documentation (RFC 5737)"},
    {"224.0.0.0/4", forbidden, "multicast"},
    {"240.0.0.0/4", reserved, "reserved (RFC 1112)"},
    {"255.255.255.255/32", forbidden, "broadcast"},
    // Outside 2000::/3 nothing is global unicast; this row holds what no other names.
    {"::/0", reserved, "outside the global IPv6 range"},
    {"2000::/3", global, "global"},
    {"::/8", reserved, "reserved (RFC 4291)"},
    {"::/128", forbidden, unspecified},
    {"::1/128", forbidden, loopback},
    {"64:ff9b::/96", reserved, "a translation to IPv4 (NAT64, RFC 6052)"},
    {"64:ff9b:1::/48", reserved, "a translation to IPv4 (NAT64, RFC 8215)"},
    {"100::/64", reserved, "discard-only (RFC 6666)"},
    {"2001::/23", reserved, "reserved for protocols (RFC 2928)"},
    {"2001::/32", reserved, "a Teredo tunnel (RFC 4380)"},
    {"2001:db8::/32", reserved, "for documentation (RFC 3849)"},
    {"2002::/16", reserved, "a 6to4 tunnel (RFC 3056)"},
    {"3fff::/20", reserved, "for documentation (RFC 9637)"},
    {"5f00::/16", reserved, "for segment routing (RFC 9602)"},
    {"fc00::/7", private_network, "a private network (unique local, RFC 4193)"},
    {"fd00:ec2::254/128", forbidden, "a cloud metadata service"},
    {"fd20:ce::254/128", forbidden, "a cloud metadata service"},
    {"fe80::/10", forbidden, "link-local"},
    {"fec0::/10", reserved, "retired (site-local, RFC 3879)"},
    {"ff00::/8", forbidden, "multicast"},
};

// Longest prefix first, so that the first match is the right one.
std::vector<AddressKind> read_blocks() {
    std::vector<AddressKind> out;
    for (const BlockRow& row : block_rows) {
        const auto block = Cidr::parse(row.block);
        INVARIANT(block.has_value());
        out.push_back({row.tier, *block, row.what});
    }
    std::ranges::sort(out, std::greater{},
                      [](const AddressKind& k) { return k.block.prefix_bits; });
    return out;
}

const std::vector<AddressKind>& blocks() {
    static const std::vector<AddressKind> all = read_blocks();
    return all;
}

bool opens(std::span<const Cidr> allow, const IpAddress& address, const AddressKind& kind) {
    return std::ranges::any_of(allow, [&](const Cidr& entry) {
        return entry.contains(address) && kind.block.contains(entry);
    });
}

bool is_local_name(std::string_view host) {
    return host == "localhost" || host.ends_with(".localhost");
}

std::string join_port(const IpEndpoint& to) {
    const std::string text = to_text(to.address);
    const bool bracketed = to.address.family == IpFamily::v6;
    return (bracketed ? "[" + text + "]" : text) + ":" + std::to_string(to.port);
}

}  // namespace

AddressKind kind_of(const IpAddress& address) {
    const IpAddress plain = address.unmapped();
    for (const AddressKind& kind : blocks())
        if (kind.block.contains(plain)) return kind;
    return {global, Cidr{plain, static_cast<std::uint8_t>(plain.bits())}, "global"};
}

Result<> check_allow_entry(const Cidr& entry) {
    const AddressKind kind = kind_of(entry.base);
    if (kind.tier == global)
        return fail(Errc::invalid_argument,
                    to_text(entry) + " is public already; leave it out of the allow list");
    if (!kind.block.contains(entry))
        return fail(Errc::invalid_argument,
                    to_text(entry) +
                        " reaches over several kinds of addresses and would open none; "
                        "name the networks themselves, for example " +
                        to_text(kind.block));
    return {};
}

Result<EgressGuard> EgressGuard::create(EgressPolicy policy) {
    for (const Cidr& entry : policy.allow) CHECK(check_allow_entry(entry));
    for (IpEndpoint& own : policy.own) own.address = own.address.unmapped();
    for (IpAddress& address : policy.machine) address = address.unmapped();
    return EgressGuard(std::move(policy));
}

Result<> EgressGuard::check_port(std::uint16_t port) const {
    if (port == 443) return {};
    if (port == 80) {
        if (policy_.plain_http == PlainHttp::allowed) return {};
        return fail(Errc::invalid_argument,
                    "port 80 is for plain http, which the server configuration does not allow");
    }
    if (port < 1024)
        return fail(Errc::invalid_argument,
                    "port " + std::to_string(port) +
                        " is not allowed; use 443 or a port from 1024 to 65535");
    if (contains(policy_.denied_ports, port))
        return fail(Errc::invalid_argument,
                    "port " + std::to_string(port) +
                        " belongs to a database or control plane and is not allowed");
    return {};
}

/// `to` is not mapped. A listener on all addresses answers on every one of the machine's, and one
/// on :: on those of IPv4 as well.
bool EgressGuard::is_own(const IpEndpoint& to) const {
    const auto same_port = [&](const IpEndpoint& own) { return own.port == to.port; };
    if (std::ranges::none_of(policy_.own, same_port)) return false;
    const std::string_view block = kind_of(to.address).what;
    const bool local = block == loopback || block == unspecified || block == unspecified_v4 ||
                       contains(policy_.machine, to.address);
    return std::ranges::any_of(policy_.own, [&](const IpEndpoint& own) {
        if (!same_port(own)) return false;
        const std::string_view listens = kind_of(own.address).what;
        const bool everywhere = listens == unspecified || listens == unspecified_v4;
        return own.address == to.address || (everywhere && local);
    });
}

Result<> EgressGuard::check_address(const IpEndpoint& to,
                                    std::span<const Cidr> workspace_allow) const {
    CHECK(check_port(to.port));
    const IpAddress plain = to.address.unmapped();
    if (is_own({plain, to.port}))
        return fail(Errc::address_denied,
                    join_port(to) + " is where Blotter itself listens; it does not call itself");
    const AddressKind kind = kind_of(plain);
    if (kind.tier == global || opens(policy_.allow, plain, kind)) return {};
    if (kind.tier == private_network && opens(workspace_allow, plain, kind)) return {};
    std::string why = to_text(to.address) + " is " + std::string{kind.what};
    if (plain != to.address) why += " (" + to_text(plain) + " inside IPv6)";
    return fail(Errc::address_denied,
                why + "; if it is meant, allow it with egress.allow in the server configuration");
}

Result<Url> EgressGuard::check_url(std::string_view text,
                                   std::span<const Cidr> workspace_allow) const {
    TRY(Url url, parse_url(text));
    if (url.scheme == UrlScheme::http && policy_.plain_http == PlainHttp::refused)
        return fail(Errc::invalid_argument,
                    "plain http is not allowed; use https, or set egress.http_allowed in the "
                    "server configuration");
    if (is_local_name(url.host))
        return fail(Errc::address_denied,
                    "'" + url.host +
                        "' is a name of this machine (loopback); if it is meant, write "
                        "its address and allow it with egress.allow in the server "
                        "configuration");
    CHECK(check_port(url.port));
    if (contains(policy_.own_names, std::pair{url.host, url.port}))
        return fail(Errc::address_denied, "'" + url.host + ":" + std::to_string(url.port) +
                                              "' is where Blotter itself is reached; it does not "
                                              "call itself");
    if (url.address) CHECK(check_address({*url.address, url.port}, workspace_allow));
    return url;
}

Result<std::vector<IpAddress>> EgressGuard::choose(std::span<const IpAddress> resolved,
                                                   std::uint16_t port,
                                                   std::span<const Cidr> workspace_allow) const {
    if (resolved.empty()) return fail(Errc::resolve_failed, "the host name has no address");
    std::vector<IpAddress> out;
    std::optional<Error> first;
    for (const IpAddress& address : resolved) {
        auto verdict = check_address({address, port}, workspace_allow);
        if (verdict) {
            out.push_back(address);
        } else if (!first) {
            first = std::move(verdict).error();
        }
    }
    if (out.empty()) return pass(*std::move(first));
    return out;
}

}  // namespace blotter::security
