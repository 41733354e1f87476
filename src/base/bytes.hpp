#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace blotter {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
/// A SHA-256 digest.
using Digest = std::array<std::uint8_t, 32>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Lower-case hexadecimal.
std::string to_hex(ByteView bytes);
/// Accepts either case; refuses an odd length and any other character.
Result<Bytes> from_hex(std::string_view text);

/// RFC 4648 section 4, with padding.
std::string to_base64(ByteView bytes);
/// RFC 4648 section 5, without padding.
std::string to_base64url(ByteView bytes);
/// Strict RFC 4648 section 4: padding required, no spaces, unused bits zero.
Result<Bytes> from_base64(std::string_view text);
/// Strict RFC 4648 section 5 without padding.
Result<Bytes> from_base64url(std::string_view text);

/// SHA-256 over one piece of data (kept context per thread, no provider fetch per call).
Digest sha256(ByteView data);
inline Digest sha256(std::string_view text) {
    return sha256(as_bytes(text));
}

/// Incremental SHA-256. A value of its own; not thread-safe; `finish` may be called once.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    void update(ByteView data);
    Digest finish();

  private:
    void* context_;
};

/// Compares without a timing difference that depends on the content. Lengths are not secret.
bool constant_time_equal(ByteView left, ByteView right);

}  // namespace blotter
