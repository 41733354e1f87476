#pragma once

#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/webhook_receiver.hpp"

namespace blotter::cli {

struct ListenOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: a free one
    WebhookReceiver::Options receiver;
};

/// `blotter listen`: prints its address, then each webhook that comes, until SIGINT or SIGTERM.
int listen(Console& console, ListenOptions options);

/// One webhook for people: a line about it, its headers, its body.
std::string describe(const ReceivedWebhook& webhook);

}  // namespace blotter::cli
