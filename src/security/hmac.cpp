#include "security/hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/invariant.hpp"

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

Digest hmac_sha256(ByteView key, ByteView data) {
    HmacSha256 hmac(key);
    hmac.update(data);
    return hmac.finish();
}

}  // namespace blotter::security
