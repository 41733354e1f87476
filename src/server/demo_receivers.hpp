#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/webhook_receiver.hpp"

namespace blotter::server {

/// The receivers of the demo, on loopback with a thread and a loop of their own, as programs of
/// other people would be. Used from one other thread.
class DemoReceivers {
  public:
    enum class Which : std::uint8_t {
        accounting,  ///< takes everything and answers with an accounting reference
        erp,         ///< takes the flat format
        archive      ///< answers 503
    };

    static Result<std::unique_ptr<DemoReceivers>> start();
    ~DemoReceivers();
    DemoReceivers(const DemoReceivers&) = delete;
    DemoReceivers& operator=(const DemoReceivers&) = delete;

    std::string url(Which which) const;
    /// Signatures are checked with it from now on.
    Result<> set_secret(Which which, const std::string& secret);
    /// What came so far, in order.
    std::vector<cli::ReceivedWebhook> received(Which which) const;

    static constexpr std::string_view reference = "ACC-2026-0001";

  private:
    struct Impl;
    explicit DemoReceivers(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace blotter::server
