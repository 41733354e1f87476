#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace blotter::runtime {

/// The one executor type. Concrete, because `any_io_executor` costs about a fifth of the CPU of a
/// small request.
using Executor = boost::asio::io_context::executor_type;

/// A coroutine that runs on one loop. Started by `TaskGroup::spawn` or by awaiting it.
template <typename T = void>
using Task = boost::asio::awaitable<T, Executor>;

inline constexpr boost::asio::use_awaitable_t<Executor> use_task{};

}  // namespace blotter::runtime
