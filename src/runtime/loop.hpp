#pragma once

#include <functional>
#include <memory>

#include <boost/asio/post.hpp>

#include "runtime/clock.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/operation.hpp"
#include "runtime/timers.hpp"

namespace blotter::runtime {

class Readiness;

/// One thread's event loop: an `io_context` and its timers. Everything in it runs on the thread
/// that calls `run` (or, in tests and the simulator, `poll` and `Timers::fire`); only `post` and
/// `stop` may be called from elsewhere. Outlives every task and stream made on it.
class Loop {
  public:
    explicit Loop(Clock& clock);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    Executor executor() { return context_.get_executor(); }
    boost::asio::io_context& context() { return context_; }
    Timers& timers() { return timers_; }
    Clock& clock() { return clock_; }
    MonoTime now() const { return clock_.mono(); }
    /// Of the sockets of the machine. Made with the first of them.
    Readiness& readiness();

    /// Runs `work` on this loop, soon and in the order of the calls. From any thread. The loop is
    /// woken once for however many came since it last looked.
    void post(std::move_only_function<void()> work);

    /// Runs until `stop`, waiting on the machine's clock.
    void run();
    void stop();

    /// Runs what is ready without waiting and fires due timers; gives how many handlers ran.
    std::size_t poll();

    /// Lets everything run that is ready now, then goes on. Whoever writes to a socket after it
    /// does so together with the others: their peers are woken once and stay awake, instead of once
    /// for each small message.
    auto end_of_turn() { return boost::asio::post(context_, use_task); }

    /// Ends after `delay`; at once when it is not positive.
    Task<> sleep_for(std::chrono::nanoseconds delay);
    Task<> sleep_until(MonoTime when);

  private:
    struct Alarm;
    void arm();

    // First, and so the last to go: sockets that tasks hold go with the context.
    std::unique_ptr<Readiness> readiness_;
    boost::asio::io_context context_{1};
    Clock& clock_;
    Timers timers_;
    std::unique_ptr<Alarm> alarm_;

    Mailbox<std::move_only_function<void()>> posted_;
};

}  // namespace blotter::runtime
