#pragma once

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
        return std::exchange(woken_, true) ? Wake::no : Wake::yes;
    }

    /// Gives all letters to `read(std::vector<Letter>&)`. The owner's thread, once for each `yes`.
    template <typename Read>
    void open(Read read) {
        {
            const std::lock_guard lock{mutex_};
            taken_.swap(letters_);
            woken_ = false;
        }
        read(taken_);
        taken_.clear();
    }

  private:
    std::mutex mutex_;
    std::vector<Letter> letters_;  ///< under the mutex
    bool woken_ = false;           ///< under the mutex: somebody was told to call `open`
    std::vector<Letter> taken_;    ///< the owner's; keeps its memory from one time to the next
};

}  // namespace blotter::runtime
