#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace blotter::http {

/// Bytes received and not yet used, in one piece. Small while idle, so that ten thousand quiet
/// connections cost little; grows by doubling while a message needs it.
class InputBuffer {
  public:
    static constexpr std::size_t idle_bytes = 2 * 1024;

    std::string_view view() const { return {data_.data() + begin_, end_ - begin_}; }
    std::size_t size() const { return end_ - begin_; }
    bool empty() const { return begin_ == end_; }

    /// Free space after the content; makes at least half the idle size.
    std::span<char> room() {
        if (begin_ > 0) {
            std::memmove(data_.data(), data_.data() + begin_, size());
            end_ -= begin_;
            begin_ = 0;
        }
        if (data_.size() - end_ < idle_bytes / 2)
            data_.resize(std::max(idle_bytes, data_.size() * 2));
        return {data_.data() + end_, data_.size() - end_};
    }
    /// Makes room for large pieces, for a long body.
    void widen(std::size_t bytes) {
        if (data_.size() < bytes) data_.resize(bytes);
    }
    void received(std::size_t bytes) { end_ += bytes; }
    void used(std::size_t bytes) { begin_ += bytes; }

    /// Gives memory back after a large message; the content stays.
    void rest() {
        if (!empty() || data_.size() <= idle_bytes) return;
        begin_ = end_ = 0;
        data_.resize(idle_bytes);
        data_.shrink_to_fit();
    }

  private:
    std::vector<char> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace blotter::http
