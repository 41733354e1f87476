#include "runtime/task_group.hpp"

#include "runtime/start.hpp"

namespace blotter::runtime {

TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(Task<> task) {
    ++running_;
    start(loop_.executor(), std::move(task), [this](const std::exception_ptr& failure) {
        --running_;
        if (failure && on_failure) on_failure(failure);
        if (running_ == 0) drained_.notify();
    });
}

Task<> TaskGroup::join() {
    while (running_ > 0) co_await drained_.wait();
}

}  // namespace blotter::runtime
