#pragma once

#include <cstdint>
#include <utility>

#include "base/time.hpp"

namespace blotter::observe {

/// How many lines of one kind a second of the clock may have: what goes as it should is worth a
/// line each while somebody can read them, and a number when thousands come in a second. Not for
/// failures. One thread.
class LineAllowance {
  public:
    explicit LineAllowance(std::uint32_t per_second) : per_second_(per_second) {}

    /// Whether a line about something of this time may be written; counts it if not.
    bool take(Timestamp at) {
        const std::int64_t second = to_ms(at) / 1'000;
        if (second != second_) {
            second_ = second;
            taken_ = 0;
        }
        if (taken_ < per_second_) {
            ++taken_;
            return true;
        }
        ++left_out_;
        return false;
    }

    /// How many were refused since this was called last.
    std::uint64_t take_left_out() { return std::exchange(left_out_, 0); }

  private:
    std::uint32_t per_second_;
    std::uint32_t taken_ = 0;
    std::int64_t second_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace blotter::observe
