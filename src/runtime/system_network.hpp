#pragma once

#include <memory>

#include "runtime/loop.hpp"
#include "runtime/net.hpp"

namespace blotter::runtime {

/// The machine's network for one loop: TCP without delay, TLS by OpenSSL. One per loop, used on
/// its thread; outlives nothing but the loop needs to outlive it and its streams. Deadlines are
/// enforced by one sweep every 100 ms, so they may be late by that much.
class SystemNetwork final : public Network {
  public:
    explicit SystemNetwork(Loop& loop);
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

}  // namespace blotter::runtime
