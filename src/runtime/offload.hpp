#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "runtime/loop.hpp"
#include "runtime/operation.hpp"

namespace blotter::runtime {

/// Runs blocking work away from the loops. Thread-safe.
class Offload {
  public:
    virtual ~Offload() = default;
    /// Runs `work` on some thread, in order of arrival. Work must not throw.
    virtual void post(std::move_only_function<void()> work) = 0;
};

/// A fixed number of threads and a bounded wait in the destructor: it joins.
class ThreadOffload final : public Offload {
  public:
    explicit ThreadOffload(std::size_t threads);
    ~ThreadOffload() override;
    void post(std::move_only_function<void()> work) override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Runs the work at once in the calling thread. For tests and the simulator.
class InlineOffload final : public Offload {
  public:
    void post(std::move_only_function<void()> work) override { work(); }
};

/// Runs `work` (a callable without arguments, not throwing) on `pool` and resumes on `loop` with
/// what it returned. Not cancellable: the caller's frame stays until the work is done. The work and
/// all it holds are gone before the caller goes on, which may end what they refer to.
template <typename Work>
Task<std::invoke_result_t<Work>> offload(Loop& loop, Offload& pool, Work work) {
    using R = std::invoke_result_t<Work>;
    co_return co_await boost::asio::async_initiate<const UseTask, void(R)>(
        [&](auto handler) {
            pool.post([&loop, guard = boost::asio::make_work_guard(loop.executor()),
                       work = std::optional<Work>{std::move(work)},
                       handler = std::move(handler)]() mutable {
                R result = (*work)();
                work.reset();
                boost::asio::post(loop.context(),
                                  [guard = std::move(guard), handler = std::move(handler),
                                   result = std::move(result)]() mutable {
                                      std::move(handler)(std::move(result));
                                  });
            });
        },
        use_task);
}

}  // namespace blotter::runtime
