#pragma once

#include <functional>

#include "run.hpp"

namespace blotter::sim {

/// Runs one seed in a process of its own and gives what it came to. An end by a signal or a failed
/// INVARIANT is a finding like any other.
Outcome run_apart(const RunOptions& options);

struct Campaign {
    std::uint64_t from = 1;
    std::uint64_t seeds = 0;  ///< 0: until somebody stops it
    unsigned days = 30;
    unsigned at_once = 2;
    bool faults = true;
    Control control = Control::none;
};
/// Runs many seeds, several at once; tells of each in the order of their ends. `told` says whether
/// to go on.
void run_campaign(const Campaign& campaign, const std::function<bool(const Outcome&)>& told);

}  // namespace blotter::sim
