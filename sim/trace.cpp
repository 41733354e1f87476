#include "trace.hpp"

namespace blotter::sim {

void Trace::add(std::string_view line) {
    for (const char c : line) {
        hash_ ^= static_cast<std::uint8_t>(c);
        hash_ *= 0x100000001B3ULL;
    }
    ++lines_;
    if (out_ != nullptr) std::fwrite(line.data(), 1, line.size(), out_);
}

}  // namespace blotter::sim
