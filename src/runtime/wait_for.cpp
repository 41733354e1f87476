#include "runtime/wait_for.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

namespace blotter::runtime {

void wait_for(Loop& loop, Task<> task) {
    boost::asio::co_spawn(loop.executor(), std::move(task), boost::asio::use_future).get();
}

}  // namespace blotter::runtime
