#include "runtime/entropy.hpp"

#include <cstring>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/invariant.hpp"

namespace blotter::runtime {

SystemEntropy::~SystemEntropy() {
    OPENSSL_cleanse(block_.data(), block_.size());
}

void SystemEntropy::fill(std::span<std::uint8_t> out) {
    if (out.size() > block_.size() / 4) {
        const bool drawn = RAND_bytes(out.data(), static_cast<int>(out.size())) == 1;
        INVARIANT(drawn);
        return;
    }
    if (block_.size() - used_ < out.size()) {
        const bool drawn = RAND_bytes(block_.data(), static_cast<int>(block_.size())) == 1;
        INVARIANT(drawn);
        used_ = 0;
    }
    std::memcpy(out.data(), block_.data() + used_, out.size());
    // Handed-out bytes may be keys: they do not stay behind here.
    OPENSSL_cleanse(block_.data() + used_, out.size());
    used_ += out.size();
}

void SeededEntropy::fill(std::span<std::uint8_t> out) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (i % 8 == 0) {
            state_ += 0x9e3779b97f4a7c15ULL;
            word = state_;
            word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ULL;
            word = (word ^ word >> 27) * 0x94d049bb133111ebULL;
            word ^= word >> 31;
        }
        out[i] = static_cast<std::uint8_t>(word >> (i % 8 * 8));
    }
}

}  // namespace blotter::runtime
