#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace blotter::runtime {

/// Whether the owner's thread has to be woken.
enum class Wake : std::uint8_t { no, yes };

/// Letters from any thread to one, in order. Whoever puts one in is told when the other thread has
/// to be woken: once for however many letters came since it last looked.
template <typename Letter>
class Mailbox {
  public:
    /// From any thread. `yes`: have `open` called on the owner's thread.
    [[nodiscard]] Wake put(Letter letter) {
        const std::lock_guard lock{mutex_};
        letters_.push_back(std::move(letter));
        return woken_.exchange(true, std::memory_order_relaxed) ? Wake::no : Wake::yes;
    }

    /// Whether there is anything to read. A letter that comes just now may be missed. Any thread.
    bool has_letters() const { return woken_.load(std::memory_order_relaxed); }

    /// Gives all letters to `read(std::vector<Letter>&)`. From the owner's thread, at least
    /// once after each `yes`.
    template <typename Read>
    void open(Read read) {
        {
            const std::lock_guard lock{mutex_};
            taken_.swap(letters_);
            woken_.store(false, std::memory_order_relaxed);
        }
        read(taken_);
        taken_.clear();
    }

  private:
    std::mutex mutex_;
    std::vector<Letter> letters_;     ///< under the mutex
    std::atomic<bool> woken_{false};  ///< set under the mutex: somebody was told to call `open`
    std::vector<Letter> taken_;       ///< the owner's; keeps its memory from one time to the next
};

}  // namespace blotter::runtime
