#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/loop.hpp"

namespace blotter::delivery {

/// Letters from any thread to one loop, in order. The loop is woken once for however many letters
/// came since it last looked.
template <typename Letter>
class Mailbox {
  public:
    Mailbox(runtime::Loop& loop, std::function<void(std::vector<Letter>&)> open)
        : loop_(loop), open_(std::move(open)) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    void put(Letter letter) {
        {
            const std::lock_guard lock{mutex_};
            letters_.push_back(std::move(letter));
            if (std::exchange(woken_, true)) return;
        }
        loop_.post([this] { take(); });
    }

  private:
    void take() {
        {
            const std::lock_guard lock{mutex_};
            taken_.swap(letters_);
            woken_ = false;
        }
        open_(taken_);
        taken_.clear();
    }

    runtime::Loop& loop_;
    std::function<void(std::vector<Letter>&)> open_;
    std::mutex mutex_;
    std::vector<Letter> letters_;  ///< under the mutex
    bool woken_ = false;           ///< under the mutex
    std::vector<Letter> taken_;
};

}  // namespace blotter::delivery
