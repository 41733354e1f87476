// The plain functions of SHA-256 are called old by OpenSSL 3, and cost a tenth of a context.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "security/hmac.hpp"

#include <algorithm>
#include <array>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include "base/invariant.hpp"
#include "security/secret.hpp"

namespace blotter::security {
namespace {

// Fetched once: a fetch per call costs more than the HMAC of a small message.
EVP_MAC* hmac_method() {
    static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    return method;
}

}  // namespace

HmacSha256::HmacSha256(ByteView key) : context_(EVP_MAC_CTX_new(hmac_method())) {
    INVARIANT(context_ != nullptr);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    INVARIANT(EVP_MAC_CTX_set_params(context_.get(), params) == 1);
    rekey(key);
}

void HmacSha256::rekey(ByteView key) {
    // A null key means "the same again" to OpenSSL, so an empty key needs an address of its own.
    static constexpr std::uint8_t nothing = 0;
    const std::uint8_t* at = key.empty() ? &nothing : key.data();
    INVARIANT(EVP_MAC_init(context_.get(), at, key.size(), nullptr) == 1);
}

void HmacSha256::restart() {
    INVARIANT(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
}

void HmacSha256::update(ByteView data) {
    if (data.empty()) return;
    INVARIANT(EVP_MAC_update(context_.get(), data.data(), data.size()) == 1);
}

Digest HmacSha256::finish() {
    Digest digest;
    std::size_t size = 0;
    INVARIANT(EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()) == 1);
    INVARIANT(size == digest.size());
    return digest;
}

Digest HmacSha256::of(std::initializer_list<ByteView> parts) {
    restart();
    for (const ByteView part : parts) update(part);
    return finish();
}

namespace {

constexpr std::size_t block_bytes = 64;

/// SHA-256 of one block and what follows it.
Digest hash_after(const std::array<std::uint8_t, block_bytes>& block, ByteView rest) {
    SHA256_CTX state;
    Digest out;
    INVARIANT(SHA256_Init(&state) == 1);
    INVARIANT(SHA256_Update(&state, block.data(), block.size()) == 1);
    INVARIANT(SHA256_Update(&state, rest.data(), rest.size()) == 1);
    INVARIANT(SHA256_Final(out.data(), &state) == 1);
    wipe(&state, sizeof(state));
    return out;
}

}  // namespace

// By hand: a context made for one short message costs ten times the hashing.
Digest hmac_sha256(ByteView key, ByteView data) {
    std::array<std::uint8_t, block_bytes> block{};
    if (key.size() > block.size())
        std::ranges::copy(sha256(key), block.begin());
    else
        std::ranges::copy(key, block.begin());
    for (std::uint8_t& byte : block) byte ^= 0x36;
    const Digest inner = hash_after(block, data);
    for (std::uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
    const Digest out = hash_after(block, inner);
    wipe(block.data(), block.size());
    return out;
}

}  // namespace blotter::security
