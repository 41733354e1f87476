#pragma once

#include <functional>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "base/invariant.hpp"
#include "runtime/loop.hpp"

namespace blotter::runtime {

/// Wakes one waiting task of the same loop. A `notify` without a waiter is remembered (once), so
/// that no wake-up is lost. Loop thread only; at most one waiter.
class Signal {
  public:
    explicit Signal(Loop& loop) : loop_(loop) {}
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    void notify() {
        if (!waiter_) {
            set_ = true;
            return;
        }
        loop_.timers().cancel(timer_);
        timer_ = {};
        wake();
    }

    Task<> wait() { return wait_until(MonoTime::max()); }

    /// Ends at a notification or at `deadline`, whichever comes first.
    Task<> wait_until(MonoTime deadline) {
        if (std::exchange(set_, false)) co_return;
        if (deadline <= loop_.now()) co_return;
        INVARIANT(!waiter_);
        co_await boost::asio::async_initiate<const UseTask, void()>(
            [this, deadline](auto handler) {
                waiter_ = [handler = std::move(handler)]() mutable { std::move(handler)(); };
                if (deadline != MonoTime::max())
                    timer_ = loop_.timers().at(deadline, [this] {
                        timer_ = {};
                        if (waiter_) wake();
                    });
            },
            use_task);
    }

  private:
    // Posted, never called in place: the notifier goes on before the waiter does.
    void wake() { loop_.post(std::exchange(waiter_, nullptr)); }

    Loop& loop_;
    std::move_only_function<void()> waiter_;
    Timers::Handle timer_;
    bool set_ = false;
};

}  // namespace blotter::runtime
