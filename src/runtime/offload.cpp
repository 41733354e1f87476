#include "runtime/offload.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace blotter::runtime {

struct ThreadOffload::Impl {
    std::mutex mutex;
    std::condition_variable ready;
    std::deque<std::move_only_function<void()>> queue;
    bool stopping = false;
    std::vector<std::jthread> threads;

    void run() {
        std::unique_lock lock{mutex};
        for (;;) {
            ready.wait(lock, [&] { return stopping || !queue.empty(); });
            if (queue.empty()) return;
            auto work = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            work();
            work = nullptr;
            lock.lock();
        }
    }
};

ThreadOffload::ThreadOffload(std::size_t threads) : impl_(std::make_unique<Impl>()) {
    for (std::size_t i = 0; i < threads; ++i) impl_->threads.emplace_back([this] { impl_->run(); });
}

ThreadOffload::~ThreadOffload() {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->stopping = true;
    }
    impl_->ready.notify_all();
    impl_->threads.clear();
}

void ThreadOffload::post(std::move_only_function<void()> work) {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->queue.push_back(std::move(work));
    }
    impl_->ready.notify_one();
}

}  // namespace blotter::runtime
