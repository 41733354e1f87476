#pragma once

#include "api/document_sender.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"

namespace blotter::api {

/// Looks after documents that nobody asks about: what was being sent when the program ended, or
/// whose outcome could not be written, becomes `unknown`; what is due is sent again. One for the
/// whole server, on the loop of its services: spawn `run`, and it ends after `stop` and the sends
/// under way. Loop thread only.
class DocumentClock {
  public:
    /// Looks by itself every `interval`.
    explicit DocumentClock(Services& services, Duration interval = Duration{1'000})
        : services_(services), interval_(interval), wake_(services.loop), sends_(services.loop) {}

    runtime::Task<> run();
    void stop();

  private:
    /// Whether there may be more.
    runtime::Task<Result<bool>> recover();
    runtime::Task<Result<>> send_due();
    runtime::Task<> send(DocumentPlace place);

    Services& services_;
    const Duration interval_;
    runtime::Signal wake_;
    runtime::TaskGroup sends_;
    bool stopping_ = false;
};

}  // namespace blotter::api
