#include "security/cipher.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/invariant.hpp"
#include "security/secret.hpp"

namespace blotter::security {
namespace {

// Fetched once: a fetch per call costs more than sealing a small value.
EVP_CIPHER* gcm_method() {
    static EVP_CIPHER* const method = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return method;
}

}  // namespace

AesGcm::AesGcm(ByteView key) : context_(EVP_CIPHER_CTX_new()) {
    INVARIANT(context_ != nullptr);
    INVARIANT(EVP_CipherInit_ex2(context_.get(), gcm_method(), nullptr, nullptr, 1, nullptr) == 1);
    rekey(key);
}

void AesGcm::rekey(ByteView key) {
    INVARIANT(key.size() == aes_key_bytes);
    INVARIANT(EVP_CipherInit_ex2(context_.get(), nullptr, key.data(), nullptr, 1, nullptr) == 1);
}

void AesGcm::seal(const GcmNonce& nonce, ByteView aad, ByteView plain, std::uint8_t* out) {
    INVARIANT(plain.size() <= sealed_bytes_max);
    EVP_CIPHER_CTX* const context = context_.get();
    INVARIANT(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), 1, nullptr) == 1);
    int size = 0;
    INVARIANT(EVP_CipherUpdate(context, nullptr, &size, aad.data(), static_cast<int>(aad.size())) ==
              1);
    if (!plain.empty())
        INVARIANT(EVP_CipherUpdate(context, out, &size, plain.data(),
                                   static_cast<int>(plain.size())) == 1);
    std::uint8_t* const tag = out + plain.size();
    INVARIANT(EVP_CipherFinal_ex(context, tag, &size) == 1);
    INVARIANT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, gcm_tag_bytes, tag) == 1);
}

bool AesGcm::open(const GcmNonce& nonce, ByteView aad, ByteView sealed, std::uint8_t* out) {
    if (sealed.size() < gcm_tag_bytes || sealed.size() - gcm_tag_bytes > sealed_bytes_max)
        return false;
    const ByteView text = sealed.first(sealed.size() - gcm_tag_bytes);
    std::array<std::uint8_t, gcm_tag_bytes> tag;
    std::copy(sealed.end() - gcm_tag_bytes, sealed.end(), tag.begin());
    EVP_CIPHER_CTX* const context = context_.get();
    INVARIANT(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), 0, nullptr) == 1);
    INVARIANT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, gcm_tag_bytes, tag.data()) == 1);
    int size = 0;
    INVARIANT(EVP_CipherUpdate(context, nullptr, &size, aad.data(), static_cast<int>(aad.size())) ==
              1);
    if (!text.empty())
        INVARIANT(
            EVP_CipherUpdate(context, out, &size, text.data(), static_cast<int>(text.size())) == 1);
    std::uint8_t nothing = 0;
    if (EVP_CipherFinal_ex(context, &nothing, &size) == 1) return true;
    wipe(out, text.size());
    ERR_clear_error();
    return false;
}

}  // namespace blotter::security
