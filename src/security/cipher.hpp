#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "security/openssl_handles.hpp"

namespace blotter::security {

inline constexpr std::size_t aes_key_bytes = 32;
inline constexpr std::size_t gcm_tag_bytes = 16;
/// More than this is not sealed in one piece; big files are not this room's business.
inline constexpr std::size_t sealed_bytes_max = 64 << 20;
using GcmNonce = std::array<std::uint8_t, 12>;

/// AES-256-GCM (NIST SP 800-38D) under one key, its schedule kept: 700 bytes cost well under a
/// microsecond. The caller never uses a nonce twice under a key. Not thread-safe.
class AesGcm {
  public:
    explicit AesGcm(ByteView key);
    void rekey(ByteView key);

    /// Writes ciphertext and tag: `plain.size() + gcm_tag_bytes` bytes at `out`.
    void seal(const GcmNonce& nonce, ByteView aad, ByteView plain, std::uint8_t* out);
    /// Writes the plaintext, `sealed.size() - gcm_tag_bytes` bytes, at `out`. False when anything
    /// was changed; `out` is wiped then, so that nobody reads what was never proven.
    bool open(const GcmNonce& nonce, ByteView aad, ByteView sealed, std::uint8_t* out);

  private:
    CipherContext context_;
};

}  // namespace blotter::security
