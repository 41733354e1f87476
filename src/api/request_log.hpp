#pragma once

#include <vector>

#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "store/tables/request_log.hpp"
#include "store/writer.hpp"

namespace blotter::api {

/// Who asked for what, and what was answered: for the people who answer for a workspace. Finished
/// requests are collected in memory and written a second later at most, sooner when a slice has
/// come together: a thousand at once would stop the events that wait for the same writer. What
/// comes past the bound within a second is dropped and counted: this log is for looking things up,
/// and must not slow the requests that it is about. One per loop; loop thread only.
class RequestLog {
  public:
    struct Parts {
        runtime::Loop& loop;
        store::Writer& writer;
        observe::Logger& log;
        observe::Counter& dropped;
    };
    struct Options {
        std::size_t per_period_max = 2'000;  ///< what comes past it is dropped
        std::size_t slice = 32;              ///< as many are written without waiting for more
        Duration period{1'000};
        std::int64_t requests_kept = 1'000'000;  ///< over all workspaces
    };
    explicit RequestLog(Parts parts) : RequestLog(parts, Options{}) {}
    RequestLog(Parts parts, Options options);
    RequestLog(const RequestLog&) = delete;
    RequestLog& operator=(const RequestLog&) = delete;

    /// A request of a workspace, or of none.
    void note(std::optional<std::int64_t> workspace_no, const store::RequestLine& line);

    void start();
    /// Writes what is there.
    runtime::Task<> stop();

  private:
    runtime::Task<> run();
    runtime::Task<> flush();

    Parts parts_;
    Options options_;
    std::vector<store::RequestSlice> waiting_;
    std::size_t lines_waiting_ = 0;
    std::size_t noted_ = 0;  ///< in this period
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::api
