#pragma once

#include <initializer_list>

#include "base/bytes.hpp"
#include "security/openssl_handles.hpp"

namespace blotter::security {

/// HMAC-SHA-256 (RFC 2104) under one key. The key is scheduled once and the context is kept: a
/// message costs about 0.5 µs for 700 bytes, without a fetch or an allocation. Not thread-safe:
/// one per thread, or one per owner that stays on its thread.
class HmacSha256 {
  public:
    explicit HmacSha256(ByteView key);
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
    MacContext context_;
};

/// One message under one key.
Digest hmac_sha256(ByteView key, ByteView data);

}  // namespace blotter::security
