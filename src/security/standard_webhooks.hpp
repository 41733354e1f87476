#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "security/ed25519.hpp"
#include "security/hmac.hpp"
#include "security/webhook_secret.hpp"

/// Standard Webhooks 1.0.0: signing what we send, checking what we get.
/// Signed content: webhook-id "." webhook-timestamp "." raw body. The header `webhook-signature`
/// is a list, separated by single spaces, of `v1,` + base64(HMAC-SHA-256) and
/// `v1a,` + base64(Ed25519). During a rotation every valid key adds one item.
namespace blotter::security {

inline constexpr std::size_t webhook_id_bytes_max = 128;
inline constexpr std::size_t webhook_keys_max = 4;
inline constexpr std::size_t webhook_signature_items_max = 16;
inline constexpr std::size_t webhook_signature_bytes_max = 4096;
inline constexpr std::chrono::seconds webhook_tolerance{300};

/// What is signed: the stable event id, the second of this attempt, the exact body bytes.
struct WebhookMessage {
    std::string_view id;
    std::chrono::sys_seconds at;
    ByteView body;
};

/// The second that belongs into `webhook-timestamp` for an attempt made at `now`.
inline std::chrono::sys_seconds webhook_second(Timestamp now) {
    return std::chrono::floor<std::chrono::seconds>(now);
}

/// An id may be 1 to 128 letters, digits, "_" and "-". A "." in it would let two different messages
/// have one signed content, and a CR or LF would add a header.
Result<> check_webhook_id(std::string_view id);

/// Signs for one destination. Keeps each key scheduled, so that signing a 700-byte body with one
/// `v1` secret costs about half a microsecond and copies no body. Not thread-safe: it belongs to
/// the loop that owns the destination.
class WebhookSigner {
  public:
    /// One to four secrets, the newest first; each adds one signature to every message.
    static Result<WebhookSigner> create(std::span<const WebhookSecret> secrets);

    /// Appends the value of `webhook-signature`. Refuses an id that `check_webhook_id` refuses.
    Result<> append_signature(std::string& out, const WebhookMessage& message);
    Result<std::string> sign(const WebhookMessage& message);

  private:
    struct Key {
        std::optional<HmacSha256> hmac;
        std::optional<Ed25519KeyPair> pair;
    };

    std::vector<Key> keys_;
    Bytes joined_;  // Ed25519 takes its message in one piece only; kept to avoid allocating.
};

/// The three headers as they came.
struct WebhookHeaders {
    std::string_view id;
    std::string_view timestamp;
    std::string_view signature;
};

/// Checks messages from one sender. Every item of the header is compared with every key, always,
/// in constant time; items of unknown versions are skipped. Not thread-safe.
class WebhookVerifier {
  public:
    /// One to four keys in text: secrets (`whsec_…` or own text) for `v1`, public keys (`whpk_…`)
    /// for `v1a`. A `whsk_…` is refused: a receiver has no business with it.
    static Result<WebhookVerifier> create(std::span<const std::string_view> key_texts);

    /// Good only if a signature matches and the time is within five minutes of `now` either way.
    /// Whether the id was seen before is the caller's to know. All failures are `bad_signature`.
    Result<> verify(const WebhookHeaders& headers, ByteView body, Timestamp now);

  private:
    std::vector<HmacSha256> hmacs_;
    std::vector<Ed25519PublicKey> publics_;
    Bytes joined_;
};

}  // namespace blotter::security
