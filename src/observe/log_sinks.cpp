#include "observe/log_sinks.hpp"

#include <cerrno>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace blotter::observe {

void DescriptorSink::write(std::string_view lines) {
    while (!lines.empty()) {
        const ssize_t written = ::write(descriptor_, lines.data(), lines.size());
        if (written > 0) {
            lines.remove_prefix(static_cast<std::size_t>(written));
            continue;
        }
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            // A terminal or pipe that another program made non-blocking: a second of patience.
            pollfd wait{.fd = descriptor_, .events = POLLOUT, .revents = 0};
            if (::poll(&wait, 1, 1'000) > 0) continue;
        }
        failed_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
}

BackgroundSink::BackgroundSink(Options options, LogSink& sink, NowFn now)
    : options_(options), sink_(sink), now_(std::move(now)) {
    queued_.reserve(options_.queue_bytes_max);
    writer_ = std::thread{[this] { run(); }};
}

BackgroundSink::~BackgroundSink() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    filled_.notify_one();
    writer_.join();
}

void BackgroundSink::write(std::string_view lines) {
    bool wake = false;
    {
        const std::lock_guard lock{mutex_};
        if (queued_.size() + lines.size() > options_.queue_bytes_max) {
            dropped_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        // Only the line that ends the writer's sleep pays for waking it, or the one that makes it
        // hurry.
        wake = queued_.empty() && !busy_;
        queued_ += lines;
        if (!hurried_ && queued_.size() > options_.queue_bytes_max / 2) wake = hurried_ = true;
    }
    if (wake) filled_.notify_one();
}

void BackgroundSink::flush() {
    std::unique_lock lock{mutex_};
    if (!queued_.empty()) {
        hurried_ = true;
        filled_.notify_one();
    }
    emptied_.wait(lock, [this] { return queued_.empty() && !busy_; });
}

void BackgroundSink::run() {
    std::string batch;
    batch.reserve(options_.queue_bytes_max);
    std::uint64_t reported = 0;
    std::unique_lock lock{mutex_};
    while (true) {
        filled_.wait(lock, [this] { return !queued_.empty() || stopping_; });
        if (queued_.empty()) return;
        busy_ = true;
        filled_.wait_for(lock, options_.gather, [this] { return hurried_ || stopping_; });
        hurried_ = false;
        std::swap(batch, queued_);
        lock.unlock();

        sink_.write(batch);
        batch.clear();
        const std::uint64_t dropped = dropped_.load(std::memory_order_relaxed);
        if (dropped != reported)
            sink_.write(render_line(options_.format, Level::warning, now_(), "log.dropped",
                                    {{"lost", dropped - reported}}));
        reported = dropped;

        lock.lock();
        busy_ = false;
        if (queued_.empty()) emptied_.notify_all();
    }
}

}  // namespace blotter::observe
