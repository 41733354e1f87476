#pragma once

#include "runtime/loop.hpp"

namespace blotter::runtime {

/// Runs a task on a loop that another thread runs and returns when it has ended; what it throws is
/// thrown here. Never on the loop's own thread: it would wait for itself.
void wait_for(Loop& loop, Task<> task);

}  // namespace blotter::runtime
