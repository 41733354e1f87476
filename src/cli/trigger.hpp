#pragma once

#include <string>
#include <vector>

#include "cli/console.hpp"

namespace blotter::cli {

/// What `blotter trigger` is to do. With a destination, the server sends it a simulated event;
/// with a secret, this program signs one and sends it straight to `url`, a receiver; else a test
/// event is posted to the server.
struct TriggerOptions {
    std::string type;
    std::string url;
    std::string key;
    std::string workspace;  ///< for a key of the whole installation
    std::string destination;
    std::string secret;
};

int trigger(Console& console, const TriggerOptions& options);

}  // namespace blotter::cli
