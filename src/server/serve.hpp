#pragma once

#include <string>
#include <vector>

namespace blotter::server {

/// `blotter serve`: runs until SIGTERM or SIGINT, then drains. Gives the exit status: 0 after a
/// clean stop, 1 when it could not start, 70 when the store failed under way.
int serve(std::string config_file, std::vector<std::string> flags);

}  // namespace blotter::server
