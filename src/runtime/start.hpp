#pragma once

#include <coroutine>
#include <exception>
#include <expected>
#include <optional>
#include <utility>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "runtime/operation.hpp"

namespace blotter::runtime {

/// The executor of the loop that the awaiting task runs on.
struct ThisExecutor {
    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> waiter) noexcept {
        executor = waiter.promise().chain().executor;
        return false;
    }
    Executor await_resume() const { return *executor; }
    std::optional<Executor> executor{};
};

namespace detail {

/// The lowest coroutine: it ends itself.
struct Bottom {
    class promise_type {
      public:
        template <typename... Rest>
        explicit promise_type(const Executor& executor, Rest&&...)
            : chain_{std::coroutine_handle<promise_type>::from_promise(*this), executor} {}
        Bottom get_return_object() { return {chain_.bottom}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
        Chain& chain() { return chain_; }

      private:
        Chain chain_;
    };
    std::coroutine_handle<> coroutine;
};

template <typename Done>
Bottom run_to_the_end(Executor, Task<> task, Done done) {
    std::exception_ptr failure;
    {
        // Everything in it is gone when its end is told.
        Task<> own = std::move(task);
        try {
            co_await std::move(own);
        } catch (...) {
            failure = std::current_exception();
        }
    }
    done(failure);
}

/// Runs `task` and hands over what came of it, to the thread of `here`.
template <typename T, typename Handler>
Task<> report(Task<T> task, Executor here, Handler handler) {
    std::optional<std::expected<T, std::exception_ptr>> outcome;
    {
        // Everything in it is gone before the waiting one goes on, on its own thread.
        Task<T> own = std::move(task);
        try {
            if constexpr (std::is_void_v<T>) {
                co_await std::move(own);
                outcome.emplace();
            } else {
                outcome.emplace(co_await std::move(own));
            }
        } catch (...) {
            outcome.emplace(std::unexpect, std::current_exception());
        }
    }
    boost::asio::post(here, [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
        std::move(handler)(*std::move(outcome));
    });
}

}  // namespace detail

/// Runs `task` on a loop: at once up to its first wait when called on the loop's thread, else soon.
/// Then calls `done` (a callable that takes the exception that ended the task, or null) there. From
/// any thread.
template <typename Done>
void start(Executor executor, Task<> task, Done done) {
    boost::asio::dispatch(
        executor, [executor, task = std::move(task), done = std::move(done)]() mutable {
            detail::run_to_the_end(executor, std::move(task), std::move(done)).coroutine.resume();
        });
}

/// The same for a task whose end nobody waits for; what it throws is lost.
inline void start(Executor executor, Task<> task) {
    start(executor, std::move(task), [](const std::exception_ptr&) {});
}

/// Runs `task` on another loop and goes on here with what it gave or threw.
template <typename T>
Task<T> run_on(Executor there, Task<T> task) {
    using Outcome = std::expected<T, std::exception_ptr>;
    const Executor here = co_await ThisExecutor{};
    Outcome outcome = co_await boost::asio::async_initiate<const UseTask, void(Outcome)>(
        [&](auto handler) {
            start(there, detail::report(std::move(task), here, std::move(handler)));
        },
        use_task);
    if (!outcome) std::rethrow_exception(outcome.error());
    if constexpr (!std::is_void_v<T>) co_return *std::move(outcome);
}

}  // namespace blotter::runtime
