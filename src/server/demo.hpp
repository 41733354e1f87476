#pragma once

#include <string>
#include <vector>

#include "cli/console.hpp"

namespace blotter::server {

struct DemoOptions {
    enum class Ending : std::uint8_t { keep_serving, once } ending = Ending::keep_serving;
    std::string config_file;
    std::vector<std::string> flags;
    std::string program = "blotter";  ///< as it was started, for the commands to try
};

/// `blotter demo`: starts a server on loopback with receivers beside it, plays the way of a
/// contract from its upload to verified deliveries over the HTTP API, and keeps serving until
/// Ctrl-C. Gives 0 only if every step held.
int demo(cli::Console& console, const DemoOptions& options);

}  // namespace blotter::server
