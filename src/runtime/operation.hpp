#pragma once

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>

#include "runtime/task.hpp"

namespace blotter::runtime {

namespace detail {

/// Where a waiting coroutine gets what an operation gave.
template <typename... Results>
struct Place {
    std::coroutine_handle<> waiter;
    Chain* chain = nullptr;
    std::optional<std::tuple<Results...>> results;
};

/// The handler of an operation: called once, on the thread of the coroutine that waits. Whoever
/// drops it instead ends the coroutine and all that wait for it.
template <typename... Results>
class Resumption {
  public:
    explicit Resumption(Place<Results...>& place) : place_(&place) {}
    Resumption(Resumption&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
    Resumption& operator=(Resumption&&) = delete;
    ~Resumption() {
        if (place_ != nullptr) place_->chain->bottom.destroy();
    }
    void operator()(Results... results) {
        Place<Results...>& place = *std::exchange(place_, nullptr);
        place.results.emplace(std::move(results)...);
        place.waiter.resume();
    }

  private:
    Place<Results...>* place_;
};

/// An operation of Asio, begun when it is awaited.
template <typename Initiation, typename Arguments, typename... Results>
class Operation {
  public:
    Operation(Initiation initiation, Arguments arguments)
        : initiation_(std::move(initiation)), arguments_(std::move(arguments)) {}

    bool await_ready() const noexcept { return false; }
    template <typename P>
    void await_suspend(std::coroutine_handle<P> waiter) {
        place_.waiter = waiter;
        place_.chain = &waiter.promise().chain();
        // The coroutine, and this in it, may be gone before the operation's start returns.
        Initiation initiation = std::move(initiation_);
        std::apply(
            [&](auto&&... arguments) {
                std::move(initiation)(Resumption<Results...>{place_}, std::move(arguments)...);
            },
            Arguments{std::move(arguments_)});
    }
    auto await_resume() {
        if constexpr (sizeof...(Results) == 1)
            return std::get<0>(*std::move(place_.results));
        else if constexpr (sizeof...(Results) > 1)
            return *std::move(place_.results);
    }

  private:
    Initiation initiation_;
    Arguments arguments_;
    Place<Results...> place_;
};

}  // namespace detail

/// The completion token with which a task awaits an operation of Asio. It gives what the handler
/// would get: nothing, one value, or a tuple; an error code is a value, and never thrown.
struct UseTask {};
inline constexpr UseTask use_task{};

}  // namespace blotter::runtime

template <typename... Results>
class boost::asio::async_result<blotter::runtime::UseTask, void(Results...)> {
  public:
    template <typename Initiation, typename... Arguments>
    static auto initiate(Initiation initiation, blotter::runtime::UseTask, Arguments... arguments) {
        return blotter::runtime::detail::Operation<Initiation, std::tuple<Arguments...>,
                                                   std::decay_t<Results>...>{
            std::move(initiation), std::tuple<Arguments...>{std::move(arguments)...}};
    }
};
