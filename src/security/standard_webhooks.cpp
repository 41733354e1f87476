#include "security/standard_webhooks.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <openssl/evp.h>

#include "base/invariant.hpp"

namespace blotter::security {
namespace {

constexpr std::size_t signature_base64_bytes = 88;

/// "id.timestamp." on the stack: the only part of the signed content that is ever copied.
class Preamble {
  public:
    Preamble(std::string_view id, std::string_view timestamp) {
        INVARIANT(id.size() + timestamp.size() + 2 <= bytes_.size());
        append(id);
        append(".");
        append(timestamp);
        append(".");
    }
    ByteView view() const { return as_bytes({bytes_.data(), size_}); }

  private:
    void append(std::string_view part) {
        std::ranges::copy(part, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += part.size();
    }
    std::array<char, webhook_id_bytes_max + 32> bytes_;
    std::size_t size_ = 0;
};

// Straight into the header: to_base64 would cost an allocation per item.
void append_base64(std::string& out, ByteView bytes) {
    std::array<unsigned char, signature_base64_bytes + 1> text;
    INVARIANT(bytes.size() <= 64);
    const int size = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
    out.append(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size));
}

ByteView join(Bytes& joined, ByteView preamble, ByteView body) {
    joined.clear();
    joined.insert(joined.end(), preamble.begin(), preamble.end());
    joined.insert(joined.end(), body.begin(), body.end());
    return joined;
}

bool is_id_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-';
}

std::unexpected<Error> refuse(std::string why) {
    return fail(Errc::bad_signature, std::move(why));
}

Result<std::chrono::sys_seconds> read_timestamp(std::string_view text) {
    // Twelve digits reach beyond the year 30000; nothing here can overflow.
    std::int64_t seconds = 0;
    const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    const bool shaped = !text.empty() && text.size() <= 12 && digits;
    if (!shaped ||
        std::from_chars(text.data(), text.data() + text.size(), seconds).ec != std::errc{})
        return refuse("webhook-timestamp is not a whole number of seconds");
    return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
}

/// The items of the header, one version each. The caller has bounded the text.
struct Items {
    std::array<std::string_view, webhook_signature_items_max> v1;
    std::array<std::string_view, webhook_signature_items_max> v1a;
    std::size_t v1_count = 0;
    std::size_t v1a_count = 0;
};

Result<Items> read_items(std::string_view text) {
    Items items;
    std::size_t count = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view item = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (item.empty()) continue;
        if (++count > webhook_signature_items_max)
            return refuse("webhook-signature lists more than 16 signatures");
        if (item.starts_with("v1,")) items.v1[items.v1_count++] = item.substr(3);
        if (item.starts_with("v1a,")) items.v1a[items.v1a_count++] = item.substr(4);
    }
    return items;
}

}  // namespace

Result<> check_webhook_id(std::string_view id) {
    if (id.empty() || id.size() > webhook_id_bytes_max || !std::ranges::all_of(id, is_id_character))
        return fail(
            Errc::invalid_argument,
            "an event id has 1 to 128 letters, digits, '_' and '-', nothing else ('.' would "
            "make its signature ambiguous)");
    return {};
}

Result<WebhookSigner> WebhookSigner::create(std::span<const WebhookSecret> secrets) {
    if (secrets.empty() || secrets.size() > webhook_keys_max)
        return fail(Errc::invalid_argument, "a destination has one to four secrets at a time");
    WebhookSigner signer;
    signer.keys_.reserve(secrets.size());
    for (const WebhookSecret& secret : secrets) {
        Key& key = signer.keys_.emplace_back();
        if (secret.kind() == WebhookSecretKind::hmac) {
            key.hmac.emplace(secret.key());
        } else {
            TRY(key.pair, Ed25519KeyPair::from_seed(secret.key()));
        }
    }
    return signer;
}

Result<> WebhookSigner::append_signature(std::string& out, const WebhookMessage& message) {
    CHECK(check_webhook_id(message.id));
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                                   message.at.time_since_epoch().count())
                         .ptr;
    const Preamble preamble(message.id, {digits.data(), end});
    bool first = true;
    for (Key& key : keys_) {
        if (!first) out += ' ';
        first = false;
        if (key.hmac) {
            out += "v1,";
            append_base64(out, key.hmac->of({preamble.view(), message.body}));
        } else {
            out += "v1a,";
            append_base64(out, key.pair->sign(join(joined_, preamble.view(), message.body)));
        }
    }
    return {};
}

Result<std::string> WebhookSigner::sign(const WebhookMessage& message) {
    std::string out;
    out.reserve(keys_.size() * (signature_base64_bytes + 5));
    CHECK(append_signature(out, message));
    return out;
}

Result<WebhookVerifier> WebhookVerifier::create(std::span<const std::string_view> key_texts) {
    if (key_texts.empty() || key_texts.size() > webhook_keys_max)
        return fail(Errc::invalid_argument, "a sender has one to four keys at a time");
    WebhookVerifier verifier;
    for (const std::string_view text : key_texts) {
        if (text.starts_with("whpk_")) {
            TRY(const Bytes bytes, parse_webhook_public_key(text));
            TRY(Ed25519PublicKey key, Ed25519PublicKey::from_bytes(bytes));
            verifier.publics_.push_back(std::move(key));
            continue;
        }
        TRY(const WebhookSecret secret, WebhookSecret::parse(text));
        if (secret.kind() != WebhookSecretKind::hmac)
            return fail(Errc::invalid_argument,
                        "checking signatures takes the public key (whpk_), not the secret one "
                        "(whsk_)");
        verifier.hmacs_.emplace_back(secret.key());
    }
    return verifier;
}

Result<> WebhookVerifier::verify(const WebhookHeaders& headers, ByteView body, Timestamp now) {
    if (headers.id.empty() || headers.timestamp.empty() || headers.signature.empty())
        return refuse("webhook-id, webhook-timestamp and webhook-signature are all needed");
    // An id from another sender may hold more characters than ours, but never a dot or a control.
    const bool plain =
        std::ranges::all_of(headers.id, [](char c) { return c > 0x20 && c < 0x7f && c != '.'; });
    if (headers.id.size() > webhook_id_bytes_max || !plain)
        return refuse("webhook-id is longer than 128 characters or holds one that is not allowed");
    if (headers.signature.size() > webhook_signature_bytes_max)
        return refuse("webhook-signature is longer than 4096 bytes");
    TRY(const std::chrono::sys_seconds at, read_timestamp(headers.timestamp));
    TRY(const Items items, read_items(headers.signature));

    const Preamble preamble(headers.id, headers.timestamp);
    bool genuine = false;
    for (HmacSha256& hmac : hmacs_) {
        std::string expected;
        append_base64(expected, hmac.of({preamble.view(), body}));
        // Text against text: a second spelling of the same base64 is not a signature.
        for (std::size_t i = 0; i < items.v1_count; ++i)
            genuine |= constant_time_equal(as_bytes(expected), as_bytes(items.v1[i]));
    }
    if (!publics_.empty() && items.v1a_count != 0) {
        const ByteView content = join(joined_, preamble.view(), body);
        for (std::size_t i = 0; i < items.v1a_count; ++i) {
            const auto signature = from_base64(items.v1a[i]);
            for (const Ed25519PublicKey& key : publics_)
                genuine |= signature && key.verify(content, *signature);
        }
    }
    if (!genuine)
        return refuse("no signature matches: the secret is another one, or the body was changed");
    // After the signature, so that only the real sender learns what our clock says.
    const auto age = std::chrono::floor<std::chrono::seconds>(now) - at;
    if (age > webhook_tolerance || age < -webhook_tolerance)
        return refuse("webhook-timestamp is more than five minutes away from the time here");
    return {};
}

}  // namespace blotter::security
