#include "dice.hpp"

namespace blotter::sim {

std::chrono::nanoseconds Dice::span(std::chrono::nanoseconds low, std::chrono::nanoseconds high) {
    // Doubles until it would pass the end; no floating point, so that every machine agrees.
    std::uint64_t doublings = 0;
    for (auto at = low; at < high; at *= 2) ++doublings;
    std::chrono::nanoseconds base = low * (std::int64_t{1} << below(doublings + 1));
    base += std::chrono::nanoseconds{between(0, base.count())};
    return std::min(base, high);
}

}  // namespace blotter::sim
