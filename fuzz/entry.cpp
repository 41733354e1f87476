#include "fuzz/target.hpp"

/// What libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    blotter::fuzz::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
