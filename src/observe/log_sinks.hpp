#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "observe/log.hpp"

namespace blotter::observe {

/// Writes to a file descriptor that it does not own (2 for standard error). Lines that cannot be
/// written are counted and dropped: a full disk or a closed pipe never stops the program.
/// One thread at a time.
class DescriptorSink final : public LogSink {
  public:
    explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}
    void write(std::string_view lines) override;
    /// Writes that failed. Any thread.
    std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }

  private:
    int descriptor_;
    std::atomic<std::uint64_t> failed_{0};
};

/// A bounded queue in front of a slow sink, emptied by one thread of its own: logging never waits
/// for a disk or a pipe. What comes within `gather` after a first line is written together with it:
/// to wake a thread for each line costs more than the line. When the queue is full, lines are
/// dropped and counted, and the next batch ends with a line "log.dropped". Callable from any
/// thread; the destructor writes what is queued and joins.
class BackgroundSink final : public LogSink {
  public:
    struct Options {
        std::size_t queue_bytes_max = 1 << 20;
        Format format = Format::json;  ///< of the line about dropped lines
        std::chrono::milliseconds gather{10};
    };
    /// `sink` and `now` are used on the writing thread only, and must outlive this.
    BackgroundSink(Options options, LogSink& sink, NowFn now);
    ~BackgroundSink() override;
    BackgroundSink(const BackgroundSink&) = delete;
    BackgroundSink& operator=(const BackgroundSink&) = delete;

    void write(std::string_view lines) override;
    /// Waits until everything queued before this call is written.
    void flush();
    /// Lines dropped since the start.
    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  private:
    void run();

    const Options options_;
    LogSink& sink_;
    const NowFn now_;

    // The one lock of this room: held for a copy of a line or a swap of two strings, never during
    // a write. It guards queued_, busy_, hurried_ and stopping_.
    std::mutex mutex_;
    std::condition_variable filled_;
    std::condition_variable emptied_;
    std::string queued_;
    bool busy_ = false;     ///< the thread is awake, gathering or writing
    bool hurried_ = false;  ///< somebody waits, or the queue is half full: no more gathering
    bool stopping_ = false;

    std::atomic<std::uint64_t> dropped_{0};
    std::thread writer_;  ///< last: it uses everything above
};

}  // namespace blotter::observe
