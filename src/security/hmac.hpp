#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.hpp"

namespace blotter::security {

/// HMAC-SHA-256 (RFC 2104) under one key. The two blocks made of the key are hashed once: a message
/// costs its own hashing and little more, without an allocation. Wiped at its end. Not thread-safe:
/// one per thread, or one per owner that stays on its thread.
class HmacSha256 {
  public:
    explicit HmacSha256(ByteView key);
    HmacSha256(const HmacSha256&) = default;
    HmacSha256& operator=(const HmacSha256&) = default;
    ~HmacSha256();
    /// Changes the key and starts a new message.
    void rekey(ByteView key);

    /// Starts a new message under the same key.
    void restart();
    void update(ByteView data);
    /// Ends the message; `restart` or `rekey` comes next.
    Digest finish();

    /// One whole message given in parts, as if they were joined.
    Digest of(std::initializer_list<ByteView> parts);

  private:
    /// A SHA256_CTX of OpenSSL, whose headers stay in the .cpp file.
    struct State {
        alignas(8) std::array<std::uint8_t, 112> bytes;
    };
    State inner_;  ///< after the first block of a message
    State outer_;  ///< after the first block of the hash over it
    State running_;
};

/// One message under one key.
Digest hmac_sha256(ByteView key, ByteView data);

}  // namespace blotter::security
