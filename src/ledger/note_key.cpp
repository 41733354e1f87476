#include "ledger/note_key.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/invariant.hpp"

namespace blotter::ledger {
namespace {

using DigestContext =
    std::unique_ptr<EVP_MD_CTX, decltype([](EVP_MD_CTX* ctx) { EVP_MD_CTX_free(ctx); })>;
using PublicKey = std::unique_ptr<EVP_PKEY, decltype([](EVP_PKEY* key) { EVP_PKEY_free(key); })>;

}  // namespace

void Ed25519Signer::Free::operator()(evp_pkey_st* key) const {
    EVP_PKEY_free(key);
}

Ed25519Signer::Ed25519Signer(Ed25519Seed seed)
    : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size())) {
    std::size_t size = public_key_.size();
    INVARIANT(key_ != nullptr);
    INVARIANT(EVP_PKEY_get_raw_public_key(key_.get(), public_key_.data(), &size) == 1);
    INVARIANT(size == public_key_.size());
}

Ed25519Signature Ed25519Signer::sign(ByteView message) const {
    const DigestContext ctx{EVP_MD_CTX_new()};
    Ed25519Signature out;
    std::size_t size = out.size();
    INVARIANT(EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
    INVARIANT(EVP_DigestSign(ctx.get(), out.data(), &size, message.data(), message.size()) == 1);
    INVARIANT(size == out.size());
    return out;
}

bool ed25519_verify(const Ed25519PublicKey& key, ByteView message, ByteView signature) {
    if (signature.size() != std::tuple_size_v<Ed25519Signature>) return false;
    const PublicKey pkey{
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size())};
    if (pkey == nullptr) return false;
    const DigestContext ctx{EVP_MD_CTX_new()};
    return EVP_DigestVerifyInit(ctx.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
           EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(),
                            message.size()) == 1;
}

void wipe(std::span<std::uint8_t> secret) {
    OPENSSL_cleanse(secret.data(), secret.size());
}

}  // namespace blotter::ledger
