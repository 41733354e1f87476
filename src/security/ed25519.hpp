#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "security/openssl_handles.hpp"
#include "security/random_source.hpp"
#include "security/secret.hpp"

namespace blotter::security {

inline constexpr std::size_t ed25519_seed_bytes = 32;
inline constexpr std::size_t ed25519_public_bytes = 32;
using Ed25519Signature = std::array<std::uint8_t, 64>;
using Ed25519PublicBytes = std::array<std::uint8_t, ed25519_public_bytes>;

/// The public half of a pure Ed25519 key (RFC 8032). Parsed once and kept; verifying (about 60 µs)
/// is const and may be done by several threads at once.
class Ed25519PublicKey {
  public:
    /// Refuses anything but 32 bytes.
    static Result<Ed25519PublicKey> from_bytes(ByteView bytes);

    /// False for a wrong signature, a signature of another length and a key that is no curve point.
    bool verify(ByteView message, ByteView signature) const;
    const Ed25519PublicBytes& bytes() const { return bytes_; }

  private:
    Ed25519PublicKey() = default;

    Ed25519PublicBytes bytes_{};
    PrivateOrPublicKey key_;
};

/// A pure Ed25519 key pair (RFC 8032) made from its 32-byte seed. Parsed once and kept; signing
/// (about 24 µs) is const, deterministic, and may be done by several threads at once.
class Ed25519KeyPair {
  public:
    /// Refuses anything but 32 bytes.
    static Result<Ed25519KeyPair> from_seed(ByteView seed);
    static Ed25519KeyPair generate(RandomSource& random);

    Ed25519Signature sign(ByteView message) const;
    const Ed25519PublicBytes& public_bytes() const { return public_bytes_; }
    Ed25519PublicKey public_key() const;
    /// What has to be kept, sealed, to build the pair again.
    const Secret& seed() const { return seed_; }

  private:
    Ed25519KeyPair() = default;

    Secret seed_;
    Ed25519PublicBytes public_bytes_{};
    PrivateOrPublicKey key_;
};

}  // namespace blotter::security
