#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"

struct evp_pkey_st;

namespace blotter::ledger {

using Ed25519Seed = std::span<const std::uint8_t, 32>;
using Ed25519PublicKey = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

/// The private half of an Ed25519 key (RFC 8032), made from its 32-byte seed. Moves, never copies;
/// the key lives inside OpenSSL, which wipes it. May be used by one thread at a time.
class Ed25519Signer {
  public:
    explicit Ed25519Signer(Ed25519Seed seed);

    const Ed25519PublicKey& public_key() const { return public_key_; }
    /// The same message always gives the same signature.
    Ed25519Signature sign(ByteView message) const;

  private:
    struct Free {
        void operator()(evp_pkey_st* key) const;
    };
    std::unique_ptr<evp_pkey_st, Free> key_;
    Ed25519PublicKey public_key_{};
};

/// False also when the signature is not 64 bytes long or the key is no point of the curve.
bool ed25519_verify(const Ed25519PublicKey& key, ByteView message, ByteView signature);

/// Overwrites a secret in a way that the compiler does not drop.
void wipe(std::span<std::uint8_t> secret);

}  // namespace blotter::ledger
