#pragma once

#include "api/services.hpp"
#include "runtime/signal.hpp"
#include "store/tables/common.hpp"

namespace blotter::api {

/// Ends envelopes whose time is up, as soon as it is, and at start those whose time came while the
/// program was off. One for the whole server, on the loop of its services: spawn `run`, and it
/// ends after `stop`. Loop thread only.
class EnvelopeClock {
  public:
    /// Looks by itself every `interval`.
    explicit EnvelopeClock(Services& services, Duration interval = Duration{1'000})
        : services_(services), interval_(interval), wake_(services.loop) {}

    runtime::Task<> run();
    void stop();

  private:
    /// Whether something may be due still.
    runtime::Task<Result<bool>> look();

    Services& services_;
    const Duration interval_;
    runtime::Signal wake_;
    bool stopping_ = false;
    /// Everything due up to here was looked at. What did not expire then (a draft, or one that
    /// everybody has signed) never does.
    store::TimePosition seen_;
};

}  // namespace blotter::api
