#pragma once

#include <memory>
#include <vector>

#include "api/services.hpp"

namespace blotter::server {

/// Work that runs beside the requests, on the first loop: envelopes that expire, replays.
class Background {
  public:
    virtual ~Background() = default;
    virtual void start() = 0;
    /// Ends when nothing of it is under way any more.
    virtual runtime::Task<> stop() = 0;
};

/// `services` of the first loop; they outlive the tasks.
std::vector<std::unique_ptr<Background>> make_background(api::Services& services);

}  // namespace blotter::server
