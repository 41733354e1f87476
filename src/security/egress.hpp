#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "security/ip_address.hpp"
#include "security/url.hpp"

namespace blotter::security {

enum class PlainHttp : std::uint8_t { refused, allowed };

struct IpEndpoint {
    IpAddress address;
    std::uint16_t port = 0;
    bool operator==(const IpEndpoint&) const = default;
};

/// Where outgoing requests may go. From the server's configuration only, never from the API.
struct EgressPolicy {
    PlainHttp plain_http = PlainHttp::refused;
    /// Blocks that are not public and shall be reached all the same (`egress.allow`).
    std::vector<Cidr> allow;
    /// Where this installation listens itself. Never contacted, whatever `allow` says: a request
    /// to ourselves could loop. 0.0.0.0 and :: stand for every address of this machine: loopback
    /// and those in `machine`.
    std::vector<IpEndpoint> own;
    /// The addresses of this machine's interfaces.
    std::vector<IpAddress> machine;
    /// Names (with port) under which this installation is reached, as from `listen.public_url`.
    std::vector<std::pair<std::string, std::uint16_t>> own_names;
    /// Refused among the ports from 1024 up: databases, queues and control planes.
    std::vector<std::uint16_t> denied_ports = {
        2049, 2181, 2375, 2376, 2379, 2380, 3306,  4369,  5432,  5672,  5984,  6379,  6443,
        7000, 7001, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 15672, 27017, 27018, 27019};
};

/// What an address is good for. `forbidden` ones lead into this machine or to the credentials of
/// the cloud it runs in; `reserved` ones are no place on the public Internet.
enum class AddressTier : std::uint8_t { global, private_network, reserved, forbidden };

/// The block of the special-purpose registries (IANA IPv4 and IPv6, and known metadata services) in
/// which an address lies.
struct AddressKind {
    AddressTier tier = AddressTier::global;
    Cidr block;             ///< meaningless when global
    std::string_view what;  ///< "loopback", "link-local (cloud metadata)", …
};

/// IPv4 inside ::ffff:0:0/96 is judged as IPv4. Everything that is not known to be global unicast
/// is at least `reserved`.
AddressKind kind_of(const IpAddress& address);

/// Judges URLs when they are saved and addresses when they are about to be connected to. An entry
/// of an allow list opens only the special block within which it lies: 10.0.0.0/8 opens itself,
/// 127.0.0.0/8 opens loopback, 0.0.0.0/0 opens nothing. A workspace's own list (also from the
/// server's configuration) opens private networks only. Immutable; any thread.
class EgressGuard {
  public:
    /// Refuses allow entries that could open nothing, with the reason.
    static Result<EgressGuard> create(EgressPolicy policy);

    /// At save time: parses, then judges scheme, port, well-known local names and, if the host is
    /// an address, that address. A name is judged again by its addresses at every connection.
    Result<Url> check_url(std::string_view text, std::span<const Cidr> workspace_allow = {}) const;

    /// At connect time, on exactly the address that will be passed to connect().
    Result<> check_address(const IpEndpoint& to, std::span<const Cidr> workspace_allow = {}) const;

    /// Of all addresses a name resolved to, those that may be contacted; if none, the reason for
    /// the first.
    Result<std::vector<IpAddress>> choose(std::span<const IpAddress> resolved, std::uint16_t port,
                                          std::span<const Cidr> workspace_allow = {}) const;

  private:
    explicit EgressGuard(EgressPolicy policy) : policy_(std::move(policy)) {}
    Result<> check_port(std::uint16_t port) const;
    bool is_own(const IpEndpoint& to) const;

    EgressPolicy policy_;
};

/// One entry of an allow list: refused when it lies in no special block (it is public anyway) or
/// reaches over several kinds of addresses (it would open nothing).
Result<> check_allow_entry(const Cidr& entry);

}  // namespace blotter::security
