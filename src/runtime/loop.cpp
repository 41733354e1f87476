#include "runtime/loop.hpp"

#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/readiness.hpp"

namespace blotter::runtime {

namespace asio = boost::asio;

struct Loop::Alarm {
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>
        timer;
    asio::executor_work_guard<Executor> work;
};

Loop::Loop(Clock& clock) : clock_(clock) {}
Loop::~Loop() {
    if (readiness_) readiness_->drop_waiting();
}

Readiness& Loop::readiness() {
    if (!readiness_) readiness_ = std::make_unique<Readiness>(*this);
    return *readiness_;
}

void Loop::post(std::move_only_function<void()> work) {
    if (posted_.put(std::move(work)) == Wake::no) return;
    asio::post(context_, [this] {
        // What a piece of work holds goes with it, not with the last of all.
        posted_.open([](auto& all) {
            for (auto& one : all) std::exchange(one, nullptr)();
        });
    });
}

void Loop::run() {
    alarm_ = std::make_unique<Alarm>(Alarm{decltype(Alarm::timer){context_.get_executor()},
                                           asio::make_work_guard(context_.get_executor())});
    timers_.on_earlier = [this] { arm(); };
    arm();
    context_.run();
    timers_.on_earlier = nullptr;
    alarm_.reset();
}

void Loop::arm() {
    const auto next = timers_.next();
    if (!next) return;
    alarm_->timer.expires_at(std::chrono::steady_clock::time_point{next->time_since_epoch()});
    alarm_->timer.async_wait([this](const boost::system::error_code& error) {
        if (error || !alarm_) return;
        // Callbacks may add earlier timers; they are covered by the one arming at the end.
        auto wake = std::exchange(timers_.on_earlier, nullptr);
        timers_.fire(clock_.mono());
        timers_.on_earlier = std::move(wake);
        arm();
    });
}

void Loop::stop() {
    context_.stop();
}

std::size_t Loop::poll() {
    context_.restart();
    std::size_t ran = context_.poll();
    timers_.fire(clock_.mono());
    context_.restart();
    ran += context_.poll();
    return ran;
}

Task<> Loop::sleep_for(std::chrono::nanoseconds delay) {
    return sleep_until(now() + delay);
}

Task<> Loop::sleep_until(MonoTime when) {
    if (when <= now()) co_return;
    co_await asio::async_initiate<const UseTask, void()>(
        [this, when](auto handler) {
            timers_.at(when, [this, handler = std::move(handler)]() mutable {
                asio::post(context_, std::move(handler));
            });
        },
        use_task);
}

}  // namespace blotter::runtime
