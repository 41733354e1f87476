#pragma once

#include <memory>
#include <optional>
#include <string>

#include <openssl/ssl.h>

#include "runtime/system_stream.hpp"

/// Internal to the room: a TLS stream on a socket.
namespace blotter::runtime {

template <auto Free>
struct OpensslFree {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, OpensslFree<SSL_SESSION_free>>;

/// What the callbacks of one client connection need; found through `SSL_get_app_data`.
struct TlsBinding {
    std::string name;                ///< whom the certificate must name
    std::string version_min;         ///< in words
    std::optional<Error> trouble;    ///< why the certificate was refused
    std::string session_key;         ///< empty: sessions are not kept
    std::shared_ptr<void> sessions;  ///< where they are kept (TlsClient's)
};

/// Calls OpenSSL without blocking and waits on the socket in between. The socket's reads and
/// writes go through a BIO of our own, because OpenSSL's would raise SIGPIPE.
class TlsStream final : public Stream {
  public:
    enum class Role : std::uint8_t { client, server };

    TlsStream(std::unique_ptr<SystemSocket> socket, SslPtr ssl, Role role,
              std::unique_ptr<TlsBinding> binding);
    ~TlsStream() override;

    Task<Result<>> handshake(MonoTime deadline);

    Task<Result<std::size_t>> read_some(std::span<char> into, MonoTime deadline) override;
    Task<Result<>> write(std::span<const std::string_view> parts, MonoTime deadline) override;
    Task<> shutdown(MonoTime deadline) override;
    void close() override { socket_->close(); }
    bool is_open() const override { return socket_->is_open(); }
    bool is_quiet() override;
    Endpoint remote() const override { return socket_->remote(); }
    Endpoint local() const override { return socket_->local(); }
    const TlsInfo* tls() const override { return &info_; }

  private:
    enum class Outcome : std::uint8_t { again, ended, failed };
    /// After an OpenSSL call that did not succeed: waits as it asks.
    Task<Outcome> settle(int returned, MonoTime deadline);
    /// One SSL_write of the next bytes after `offset`, small parts put together in one record.
    int write_once(std::span<const std::string_view> parts, std::size_t offset);
    std::unexpected<Error> broken(std::string_view doing);
    void note_handshake();

    std::unique_ptr<SystemSocket> socket_;
    std::unique_ptr<TlsBinding> binding_;
    SslPtr ssl_;
    TlsInfo info_;
    boost::system::error_code wait_error_;
    bool ready_ = false;
    bool failed_ = false;
};

}  // namespace blotter::runtime
