#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "runtime/clock.hpp"

namespace blotter::sim {

/// What happened, in order, as lines with the virtual time. Two runs of one seed have the same
/// lines; the hash (FNV-1a, 64 bits) of them is printed for every seed.
class Trace {
  public:
    explicit Trace(const runtime::Clock& clock) : clock_(clock) {}
    /// Lines go there, too.
    void show_on(std::FILE* out) { out_ = out; }

    template <typename... Args>
    void line(fmt::format_string<Args...> form, Args&&... args) {
        buffer_.clear();
        const auto at = clock_.mono().time_since_epoch().count();
        fmt::format_to(fmt::appender{buffer_}, "{}.{:09} ", at / 1'000'000'000, at % 1'000'000'000);
        fmt::format_to(fmt::appender{buffer_}, form, std::forward<Args>(args)...);
        buffer_.push_back('\n');
        add({buffer_.data(), buffer_.size()});
    }
    std::uint64_t hash() const { return hash_; }
    std::uint64_t lines() const { return lines_; }

  private:
    void add(std::string_view line);

    const runtime::Clock& clock_;
    fmt::memory_buffer buffer_;
    std::FILE* out_ = nullptr;
    std::uint64_t hash_ = 0xCBF29CE484222325ULL;
    std::uint64_t lines_ = 0;
};

}  // namespace blotter::sim
