#pragma once

#include "api/document_sender.hpp"
#include "runtime/task_group.hpp"
#include "store/commits.hpp"

namespace blotter::api {

/// Looks after documents that nobody asks about: what was being sent when the program ended, or
/// whose outcome could not be written, becomes `unknown`; what is due is sent again. One for the
/// whole server, on the loop of its services: spawn `run`, and it ends after `stop` and the sends
/// under way. Loop thread only.
class DocumentClock {
  public:
    DocumentClock(Services& services, store::Commits& commits, store::Rounds rounds)
        : services_(services), watch_(commits, rounds), sends_(services.loop) {}

    runtime::Task<> run();
    void stop();

  private:
    /// Whether there may be more.
    runtime::Task<Result<bool>> recover();
    runtime::Task<Result<>> send_due();
    /// When there is something to do next.
    runtime::Task<Result<std::optional<Timestamp>>> next_work();
    runtime::Task<> send(DocumentPlace place);

    Services& services_;
    store::Watch watch_;
    runtime::TaskGroup sends_;
};

}  // namespace blotter::api
