#pragma once

#include <string>
#include <vector>

#include "cli/console.hpp"
#include "config/load.hpp"

namespace blotter::cli {

enum class Health : std::uint8_t { ok, warning, failure };

/// One line of the doctor: what was looked at, how it is, and what to do if it is not well.
struct Diagnosis {
    Health health = Health::ok;
    std::string subject;
    std::string words;
};

/// `blotter doctor`: looks at everything that a start depends on, changes nothing (it writes and
/// removes one small file to see that writing works). exit_failed when something would stop or
/// endanger a server. Takes the configuration as it was read, so that a wrong one is a line too.
int doctor(Console& console, const Result<config::Configuration>& configuration);

// The parts, each a few lines of the report.
std::vector<Diagnosis> diagnose_data(const config::Settings& settings);
std::vector<Diagnosis> diagnose_system(const config::Settings& settings);
std::vector<Diagnosis> diagnose_network(const config::Settings& settings);

}  // namespace blotter::cli
