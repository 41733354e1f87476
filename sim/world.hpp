#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "config/load.hpp"
#include "disk_faults.hpp"
#include "history.hpp"
#include "memory_disk.hpp"
#include "plan.hpp"
#include "runtime/clock.hpp"
#include "trace.hpp"

namespace blotter::sim {

/// What is promised, and by which checker it was found broken.
struct Violation {
    std::string promise;  ///< "P1", …
    std::string what;
};

/// What there is besides the process: time, disk, receivers' and clients' memory. It lives on when
/// the process dies.
struct World {
    World(const PlanOptions& options, std::FILE* trace_out);

    Plan plan;
    Dice dice;
    runtime::ManualClock clock;
    MonoTime begun;
    Trace trace;
    DiskFaults faults;
    store::FaultVfs vfs;
    MemoryDisk disk;
    History history;
    config::Configuration configuration;
    std::vector<Mood> moods;
    /// As the API gave them when everything was set up.
    std::string owner_key;
    std::string workspace;
    std::vector<std::string> destination_ids;
    std::vector<std::vector<std::string>> secrets;  ///< by destination, newest first
    std::multimap<MonoTime, Step> agenda;
    std::vector<Step> awaited;  ///< orders that must come about, while they are asked for
    std::optional<Violation> violation;
    bool calm() const { return clock.mono() >= begun + plan.calm; }

    /// The first one counts; the run ends.
    void blame(std::string promise, std::string what);
    std::optional<std::uint32_t> event_of(std::string_view id) const;

  private:
    std::map<std::string, std::uint32_t, std::less<>> events_by_id_;
};

}  // namespace blotter::sim
