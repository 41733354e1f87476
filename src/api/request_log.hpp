#pragma once

#include <vector>

#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "store/tables/access.hpp"
#include "store/writer.hpp"

namespace blotter::api {

/// Who asked for what, and what was answered: for the people who answer for a workspace. Finished
/// requests are collected in memory and written in one batch each second. What comes past the bound
/// within a second is dropped and counted: this log is for looking things up, and must not slow the
/// requests that it is about. One per loop; loop thread only.
class RequestLog {
  public:
    struct Parts {
        runtime::Loop& loop;
        store::Writer& writer;
        observe::Logger& log;
        observe::Counter& dropped;
    };
    struct Options {
        std::size_t waiting_max = 2'000;  ///< written per second at most
        Duration every{1'000};
        std::int64_t rows_kept = 1'000'000;  ///< over all workspaces
    };
    explicit RequestLog(Parts parts) : RequestLog(parts, Options{}) {}
    RequestLog(Parts parts, Options options);
    RequestLog(const RequestLog&) = delete;
    RequestLog& operator=(const RequestLog&) = delete;

    /// Keeps what `make` (a callable that gives the row) puts together; it is not called for what
    /// is dropped.
    template <typename Make>
    void note(Make make) {
        if (waiting_.size() >= options_.waiting_max) return parts_.dropped.add();
        waiting_.push_back(make());
    }

    void start();
    /// Writes what is there.
    runtime::Task<> stop();

  private:
    runtime::Task<> run();
    runtime::Task<> flush();

    Parts parts_;
    Options options_;
    std::vector<store::RequestLogRow> waiting_;
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::api
