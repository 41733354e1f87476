#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/loop.hpp"
#include "runtime/net.hpp"

namespace blotter::runtime {

struct SystemResolverOptions {
    /// Name servers as "address:port"; empty: those of /etc/resolv.conf.
    std::vector<std::string> servers;
    /// No answer takes longer, whatever the system's settings and the caller's deadline say.
    Duration time_max = std::chrono::seconds{2};
};

/// Host names through the machine's name servers and /etc/hosts, by c-ares. Asks for A and AAAA at
/// once and keeps the order of the answers; search domains are not tried. The system's settings
/// are read anew about once a minute. Loop thread only.
class SystemResolver final : public Resolver {
  public:
    /// Errc::invalid_argument when a server is not "address:port".
    static Result<std::unique_ptr<SystemResolver>> open(Loop& loop,
                                                        SystemResolverOptions options = {});
    ~SystemResolver() override;

    Task<Result<std::vector<IpAddress>>> resolve(std::string host, MonoTime deadline) override;

  private:
    class Channel;
    SystemResolver(Loop& loop, SystemResolverOptions options, std::shared_ptr<Channel> channel);

    Loop& loop_;
    SystemResolverOptions options_;
    std::shared_ptr<Channel> channel_;
};

}  // namespace blotter::runtime
