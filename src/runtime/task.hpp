#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/io_context.hpp>

/// Before the definition of a coroutine that is awaited rarely, by one that is awaited for every
/// request: keeps its frame apart. Else the compiler makes it a part of the caller's, which is then
/// as large for each call, and what is large is slow to get and scattered.
#define OWN_FRAME [[gnu::noinline]]

namespace blotter::runtime {

/// The one executor type. Concrete, because `any_io_executor` costs about a fifth of the CPU of a
/// small request.
using Executor = boost::asio::io_context::executor_type;

template <typename T>
class Task;

namespace detail {

/// What coroutines share that wait for each other: the lowest one owns, through its frame, the
/// rest.
struct Chain {
    std::coroutine_handle<> bottom;
    Executor executor;
};

/// What every coroutine has, whatever it gives.
class Promise {
  public:
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept { return GoBack{}; }
    void unhandled_exception() noexcept { failure_ = std::current_exception(); }

    Chain& chain() { return *chain_; }
    void run_for(std::coroutine_handle<> waiter, Chain& chain) {
        waiter_ = waiter;
        chain_ = &chain;
    }

  protected:
    void rethrow() {
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    struct GoBack {
        bool await_ready() noexcept { return false; }
        template <typename P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) noexcept {
            return ended.promise().waiter_;
        }
        void await_resume() noexcept {}
    };

    std::coroutine_handle<> waiter_;
    Chain* chain_ = nullptr;
    std::exception_ptr failure_;
};

template <typename T>
class ValuePromise final : public Promise {
  public:
    Task<T> get_return_object();
    template <typename From>
    void return_value(From&& from) {
        value_.emplace(std::forward<From>(from));
    }
    T take() {
        rethrow();
        return *std::move(value_);
    }

  private:
    std::optional<T> value_;
};

class VoidPromise final : public Promise {
  public:
    Task<void> get_return_object();
    void return_void() {}
    void take() { rethrow(); }
};

}  // namespace detail

/// A coroutine that runs on one loop, and has not begun: awaiting it runs it, and gives what it
/// returned or throws what it threw; `start` and `TaskGroup::spawn` run it by itself. Awaited at
/// most once. When it is destroyed, so is everything in it, wherever it waits.
template <typename T = void>
class [[nodiscard]] Task {
  public:
    using promise_type =
        std::conditional_t<std::is_void_v<T>, detail::VoidPromise, detail::ValuePromise<T>>;

    explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
    Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (coroutine_) coroutine_.destroy();
    }

    class Awaiter {
      public:
        explicit Awaiter(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
        bool await_ready() const noexcept { return false; }
        template <typename P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> waiter) noexcept {
            coroutine_.promise().run_for(waiter, waiter.promise().chain());
            return coroutine_;
        }
        T await_resume() { return coroutine_.promise().take(); }

      private:
        std::coroutine_handle<promise_type> coroutine_;
    };
    Awaiter operator co_await() && { return Awaiter{coroutine_}; }

  private:
    std::coroutine_handle<promise_type> coroutine_;
};

template <typename T>
Task<T> detail::ValuePromise<T>::get_return_object() {
    return Task<T>{std::coroutine_handle<ValuePromise>::from_promise(*this)};
}

inline Task<void> detail::VoidPromise::get_return_object() {
    return Task<void>{std::coroutine_handle<VoidPromise>::from_promise(*this)};
}

}  // namespace blotter::runtime
