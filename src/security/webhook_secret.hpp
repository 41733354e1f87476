#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "security/random_source.hpp"
#include "security/secret.hpp"

namespace blotter::security {

inline constexpr std::size_t whsec_key_bytes_min = 24;
inline constexpr std::size_t whsec_key_bytes_max = 64;
inline constexpr std::size_t own_secret_bytes_min = 16;
inline constexpr std::size_t own_secret_bytes_max = 512;

enum class WebhookSecretKind : std::uint8_t { hmac, ed25519 };

/// The secret of a destination, read from its text, which is what gets stored (sealed). Three
/// forms:
///
///     whsec_ + base64      HMAC key of 24 to 64 bytes; the key is the decoded bytes
///     whsk_ + base64       Ed25519: the 32-byte seed, or seed and public key (64 bytes)
///     any other text       16 to 512 bytes of UTF-8 without control characters and without spaces
///                          at the ends; the key is the text itself, byte for byte
///
/// A text that starts with `whsec_` or `whsk_` is never taken as own text: a typing error in it
/// is reported instead of becoming another key. A value; move-only; immutable.
class WebhookSecret {
  public:
    static Result<WebhookSecret> parse(std::string_view text);
    /// A fresh `whsec_` secret of 32 random bytes.
    static WebhookSecret generate_hmac(RandomSource& random);
    /// A fresh `whsk_` secret in the 64-byte form.
    static WebhookSecret generate_ed25519(RandomSource& random);

    WebhookSecretKind kind() const { return kind_; }
    /// What the owner knows: shown once, then sealed. Compatibility signatures are keyed with it.
    const Secret& text() const { return text_; }
    /// The HMAC key, or the Ed25519 seed.
    ByteView key() const { return key_.expose(); }

    /// "whsec_…1a2b": for lists. An own text shorter than 24 bytes shows nothing of itself.
    std::string masked() const;
    /// `whpk_…`, to be given to receivers; only for Ed25519.
    Result<std::string> public_text() const;
    /// The `whsec_` text of the same HMAC key, for a receiver whose library expects that form;
    /// refused when the key is not 24 to 64 bytes long, or is an Ed25519 key.
    Result<Secret> whsec_text() const;

  private:
    WebhookSecret() = default;

    WebhookSecretKind kind_ = WebhookSecretKind::hmac;
    Secret text_;
    Secret key_;
};

/// The 32 bytes of a `whpk_` text.
Result<Bytes> parse_webhook_public_key(std::string_view text);

}  // namespace blotter::security
