#pragma once

#include <cstddef>
#include <exception>
#include <functional>

#include "runtime/loop.hpp"
#include "runtime/signal.hpp"

namespace blotter::runtime {

/// Owns the tasks of one loop. Declare it last in its owner: tasks may touch members declared
/// before it. Tasks end because their streams are closed or their signals notified; then `join`
/// returns. A task that throws ends alone: the exception goes to `on_failure`. Loop thread only.
class TaskGroup {
  public:
    explicit TaskGroup(Loop& loop) : loop_(loop), drained_(loop) {}
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();

    void spawn(Task<> task);
    std::size_t size() const { return running_; }
    /// Ends when no task is left. One caller at a time.
    Task<> join();

    /// Told about an exception that ended a task. Set once by the owner.
    std::function<void(std::exception_ptr)> on_failure;

  private:
    Loop& loop_;
    Signal drained_;
    std::size_t running_ = 0;
};

}  // namespace blotter::runtime
