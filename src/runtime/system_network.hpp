#pragma once

#include <memory>
#include <vector>

#include "runtime/loop.hpp"
#include "runtime/net.hpp"

namespace blotter::runtime {

/// The machine's network for one loop: TCP without delay, TLS by OpenSSL. One per loop, used on
/// its thread; outlives nothing but the loop needs to outlive it and its streams. Deadlines are
/// enforced by one sweep every 100 ms, so they may be late by that much.
class SystemNetwork final : public Network {
  public:
    /// `authorities`: PEM of certificate authorities that clients trust besides the system's; it
    /// passed `check_authorities`.
    explicit SystemNetwork(Loop& loop, std::string authorities = {});
    ~SystemNetwork() override;

    Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, MonoTime deadline) override;
    Task<Result<std::unique_ptr<Stream>>> start_tls(std::unique_ptr<Stream> plain,
                                                    TlsClientOptions options,
                                                    MonoTime deadline) override;
    Result<std::unique_ptr<Acceptor>> listen(ListenOptions options) override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Whether a listener can use these files; says which one is wrong and why.
Result<> check_certificates(const TlsServerOptions& files);

inline constexpr std::size_t authorities_bytes_max = 1 << 20;
/// Whether this is PEM of 1 to 64 certificates. Errc::tls_failed says what is wrong.
Result<> check_authorities(const std::string& pem);

/// The addresses of the machine's interfaces at this moment, without zones. Empty when the system
/// does not say.
std::vector<IpAddress> machine_addresses();

}  // namespace blotter::runtime
