#include "runtime/wait_for.hpp"

#include <future>

#include "runtime/start.hpp"

namespace blotter::runtime {

void wait_for(Loop& loop, Task<> task) {
    std::promise<void> ended;
    start(loop.executor(), std::move(task), [&](const std::exception_ptr& failure) {
        if (failure)
            ended.set_exception(failure);
        else
            ended.set_value();
    });
    ended.get_future().get();
}

}  // namespace blotter::runtime
