#pragma once

#include "api/services.hpp"
#include "store/commits.hpp"
#include "store/tables/common.hpp"

namespace blotter::api {

/// Ends envelopes whose time is up, as soon as it is, and at start those whose time came while the
/// program was off. One for the whole server, on the loop of its services: spawn `run`, and it
/// ends after `stop`. Loop thread only.
class EnvelopeClock {
  public:
    EnvelopeClock(Services& services, store::Commits& commits, store::Rounds rounds)
        : services_(services), watch_(commits, rounds) {}

    runtime::Task<> run();
    void stop();

  private:
    /// Gives when the next one expires.
    runtime::Task<Result<std::optional<Timestamp>>> look();

    Services& services_;
    store::Watch watch_;
    /// Everything due up to here was looked at. What did not expire then (a draft, or one that
    /// everybody has signed) never does.
    store::TimePosition seen_;
};

}  // namespace blotter::api
