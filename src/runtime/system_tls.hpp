#pragma once

#include <memory>
#include <string>

#include "runtime/system_stream.hpp"

/// Internal to the room: TLS for `SystemNetwork`, by OpenSSL straight on the socket. Asio's own
/// TLS stream keeps four fixed buffers per connection (about 80 KB); this keeps about 19 KB.
namespace blotter::runtime {

/// Certificates and rules of the client side of one loop: one OpenSSL context per (least version,
/// extra roots) and the sessions that may be resumed. Loop thread only.
class TlsClient {
  public:
    /// `authorities`: PEM of roots that every connection trusts besides the system's, or empty.
    explicit TlsClient(std::string authorities);
    ~TlsClient();
    /// Whether a text can be such authorities.
    static Result<> check(const std::string& authorities);
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    /// Handshakes over a connected socket.
    Task<Result<std::unique_ptr<Stream>>> start(std::unique_ptr<SystemSocket> socket,
                                                TlsClientOptions options, MonoTime deadline);

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// Certificate and key of one listener. Loop thread only.
class TlsServer {
  public:
    /// Reads both files; says which one is wrong and why.
    static Result<std::unique_ptr<TlsServer>> open(TlsServerOptions options);
    ~TlsServer();
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    Result<> reload();
    /// A stream that handshakes when it is first read or written.
    std::unique_ptr<Stream> wrap(std::unique_ptr<SystemSocket> socket);

  private:
    struct Impl;
    explicit TlsServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace blotter::runtime
