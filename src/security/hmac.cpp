// The plain functions of SHA-256 are called old by OpenSSL 3, and cost a tenth of a context.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "security/hmac.hpp"

#include <algorithm>

#include <openssl/sha.h>

#include "base/invariant.hpp"
#include "security/secret.hpp"

namespace blotter::security {
namespace {

constexpr std::size_t block_bytes = 64;
using Block = std::array<std::uint8_t, block_bytes>;
constexpr std::uint8_t inner_pad = 0x36;  // RFC 2104, section 2
constexpr std::uint8_t outer_pad = 0x5c;

Block block_of(ByteView key) {
    Block block{};
    if (key.size() > block.size())
        std::ranges::copy(sha256(key), block.begin());
    else
        std::ranges::copy(key, block.begin());
    return block;
}

void mask(Block& block, std::uint8_t with) {
    for (std::uint8_t& byte : block) byte ^= with;
}

void begin(SHA256_CTX& state, const Block& block) {
    INVARIANT(SHA256_Init(&state) == 1);
    INVARIANT(SHA256_Update(&state, block.data(), block.size()) == 1);
}

SHA256_CTX& context(std::array<std::uint8_t, 112>& bytes) {
    static_assert(sizeof(SHA256_CTX) == 112 && alignof(SHA256_CTX) <= 8);
    return *reinterpret_cast<SHA256_CTX*>(bytes.data());
}

}  // namespace

HmacSha256::HmacSha256(ByteView key) {
    rekey(key);
}

HmacSha256::~HmacSha256() {
    for (State* state : {&inner_, &outer_, &running_})
        wipe(state->bytes.data(), state->bytes.size());
}

void HmacSha256::rekey(ByteView key) {
    Block block = block_of(key);
    mask(block, inner_pad);
    begin(context(inner_.bytes), block);
    mask(block, inner_pad ^ outer_pad);
    begin(context(outer_.bytes), block);
    wipe(block.data(), block.size());
    restart();
}

void HmacSha256::restart() {
    running_ = inner_;
}

void HmacSha256::update(ByteView data) {
    if (data.empty()) return;
    INVARIANT(SHA256_Update(&context(running_.bytes), data.data(), data.size()) == 1);
}

Digest HmacSha256::finish() {
    Digest digest;
    INVARIANT(SHA256_Final(digest.data(), &context(running_.bytes)) == 1);
    running_ = outer_;
    update(digest);
    INVARIANT(SHA256_Final(digest.data(), &context(running_.bytes)) == 1);
    return digest;
}

Digest HmacSha256::of(std::initializer_list<ByteView> parts) {
    restart();
    for (const ByteView part : parts) update(part);
    return finish();
}

Digest hmac_sha256(ByteView key, ByteView data) {
    return HmacSha256(key).of({data});
}

}  // namespace blotter::security
