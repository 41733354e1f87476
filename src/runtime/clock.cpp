#include "runtime/clock.hpp"

namespace blotter::runtime {

Timestamp SystemClock::wall() const {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

MonoTime SystemClock::mono() const {
    return MonoTime{std::chrono::steady_clock::now().time_since_epoch()};
}

}  // namespace blotter::runtime
