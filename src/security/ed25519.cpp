#include "security/ed25519.hpp"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/invariant.hpp"

namespace blotter::security {

Result<Ed25519PublicKey> Ed25519PublicKey::from_bytes(ByteView bytes) {
    if (bytes.size() != ed25519_public_bytes)
        return fail(Errc::malformed, "an Ed25519 public key is 32 bytes long, this one has " +
                                         std::to_string(bytes.size()));
    Ed25519PublicKey out;
    std::ranges::copy(bytes, out.bytes_.begin());
    out.key_.reset(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()));
    INVARIANT(out.key_ != nullptr);
    return out;
}

bool Ed25519PublicKey::verify(ByteView message, ByteView signature) const {
    if (signature.size() != sizeof(Ed25519Signature)) return false;
    const DigestContext context(EVP_MD_CTX_new());
    INVARIANT(context != nullptr);
    INVARIANT(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
    const int verdict = EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                         message.data(), message.size());
    // A refused signature leaves entries in this thread's error queue; nobody else wants them.
    if (verdict != 1) ERR_clear_error();
    return verdict == 1;
}

Result<Ed25519KeyPair> Ed25519KeyPair::from_seed(ByteView seed) {
    if (seed.size() != ed25519_seed_bytes)
        return fail(Errc::malformed, "an Ed25519 secret key is 32 bytes long, this one has " +
                                         std::to_string(seed.size()));
    Ed25519KeyPair out;
    out.seed_ = Secret::copy_of(seed);
    out.key_.reset(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    INVARIANT(out.key_ != nullptr);
    std::size_t size = out.public_bytes_.size();
    INVARIANT(EVP_PKEY_get_raw_public_key(out.key_.get(), out.public_bytes_.data(), &size) == 1);
    INVARIANT(size == out.public_bytes_.size());
    return out;
}

Ed25519KeyPair Ed25519KeyPair::generate(RandomSource& random) {
    std::array<std::uint8_t, ed25519_seed_bytes> seed;
    random.fill(seed);
    auto pair = from_seed(seed);
    wipe(seed.data(), seed.size());
    return *std::move(pair);
}

Ed25519Signature Ed25519KeyPair::sign(ByteView message) const {
    const DigestContext context(EVP_MD_CTX_new());
    INVARIANT(context != nullptr);
    INVARIANT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
    Ed25519Signature signature;
    std::size_t size = signature.size();
    INVARIANT(EVP_DigestSign(context.get(), signature.data(), &size, message.data(),
                             message.size()) == 1);
    INVARIANT(size == signature.size());
    return signature;
}

Ed25519PublicKey Ed25519KeyPair::public_key() const {
    return *Ed25519PublicKey::from_bytes(public_bytes_);
}

}  // namespace blotter::security
