#pragma once

#include <string>
#include <vector>

#include "config/load.hpp"

namespace blotter::server {

/// The settings from a file (may be empty), this process's environment and flags.
Result<config::Configuration> load_configuration(const std::string& config_file,
                                                 const std::vector<std::string>& flags);

}  // namespace blotter::server
