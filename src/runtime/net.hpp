#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "base/result.hpp"
#include "base/time.hpp"
#include "runtime/task.hpp"

namespace blotter::runtime {

using IpAddress = boost::asio::ip::address;
using Endpoint = boost::asio::ip::tcp::endpoint;

enum class TlsVersion : std::uint8_t { tls_1_2 = 12, tls_1_3 = 13 };

/// What a finished TLS handshake agreed on.
struct TlsInfo {
    std::string version;  ///< "TLSv1.3"
    std::string cipher;
    std::string peer_certificate_sha256;  ///< hex, empty when the peer showed none
    bool resumed = false;
};

/// A connected byte stream. Belongs to one loop; at most one read and one write at a time. Every
/// operation has a deadline, after which the stream is closed and the operation fails with
/// Errc::timeout. After any failure the stream is of no further use.
class Stream {
  public:
    virtual ~Stream() = default;
    /// Reads at least one byte into `into`; 0 means that the peer ended the stream properly.
    virtual Task<Result<std::size_t>> read_some(std::span<char> into, MonoTime deadline) = 0;
    /// Writes all of `parts` in order (one gathered write where possible). The bytes must stay
    /// until the task ends.
    virtual Task<Result<>> write(std::span<const std::string_view> parts, MonoTime deadline) = 0;
    /// Ends sending, politely (TLS close_notify where there is TLS). Then `close`.
    virtual Task<> shutdown(MonoTime deadline) = 0;
    /// Ends everything now; pending operations fail with Errc::connection_closed.
    virtual void close() = 0;
    virtual bool is_open() const = 0;
    /// True while the peer has neither sent nor ended anything that was not read yet, as far as the
    /// loop has heard. Never waits; for connections that come out of a pool. No read may be under
    /// way.
    virtual bool is_quiet() = 0;
    virtual Endpoint remote() const = 0;
    virtual Endpoint local() const = 0;
    /// Null on a plain stream.
    virtual const TlsInfo* tls() const = 0;
};

/// How a client proves who it wants to talk to. Verification cannot be switched off.
struct TlsClientOptions {
    std::string server_name;  ///< SNI and certificate name; a DNS name or an IP literal
    TlsVersion version_min = TlsVersion::tls_1_3;
    std::string ca_pem;       ///< extra roots for this peer, empty for the system's alone
    std::string session_key;  ///< sessions resume among connections with an equal key
};

struct TlsServerOptions {
    std::string certificate_chain_file;
    std::string private_key_file;
};

struct ListenOptions {
    Endpoint at;  ///< port 0: the system chooses; see Acceptor::local
    /// Several loops share the address and the kernel spreads connections among them.
    enum class Share : bool { no, yes } share = Share::no;
    std::optional<TlsServerOptions> tls;
};

class Acceptor {
  public:
    virtual ~Acceptor() = default;
    /// The next connection (for TLS: before the handshake, which the stream does on first use).
    /// Errc::cancelled after `close`; Errc::unavailable when the system lacks descriptors or
    /// memory for the moment: wait a little, then accept again.
    virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
    virtual Endpoint local() const = 0;
    /// Reads the certificate and key files again, for connections accepted from now on. When they
    /// are not usable the old ones stay. Nothing happens without TLS.
    virtual Result<> reload_certificates() = 0;
    /// A pending `accept` fails with Errc::cancelled.
    virtual void close() = 0;
};

/// The network as one loop sees it. Never resolves names: addresses are vetted by the caller
/// between the resolver and here.
class Network {
  public:
    virtual ~Network() = default;
    /// Connects to exactly this address. Errc::connect_failed or timeout.
    virtual Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, MonoTime deadline) = 0;
    /// Handshakes as client over a connected stream of this network. Errc::tls_failed,
    /// tls_version or timeout, with the reason in words ("the certificate expired on …").
    virtual Task<Result<std::unique_ptr<Stream>>> start_tls(std::unique_ptr<Stream> plain,
                                                            TlsClientOptions options,
                                                            MonoTime deadline) = 0;
    virtual Result<std::unique_ptr<Acceptor>> listen(ListenOptions options) = 0;
};

/// Host names to addresses. Belongs to one loop.
class Resolver {
  public:
    virtual ~Resolver() = default;
    /// All addresses of the name, in the order of the answer, at most 64. Errc::resolve_failed or
    /// timeout.
    virtual Task<Result<std::vector<IpAddress>>> resolve(std::string host, MonoTime deadline) = 0;
};

}  // namespace blotter::runtime
