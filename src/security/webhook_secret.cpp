#include "security/webhook_secret.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"
#include "security/ed25519.hpp"

namespace blotter::security {
namespace {

constexpr std::string_view hmac_prefix = "whsec_";
constexpr std::string_view private_prefix = "whsk_";
constexpr std::string_view public_prefix = "whpk_";
constexpr std::size_t shown_bytes = 4;

// The error never repeats the text, and says no more than which rule it broke.
Result<Secret> decode(std::string_view text, std::string_view prefix) {
    text.remove_prefix(prefix.size());
    auto bytes = text.size() <= 256 ? from_base64(text) : Result<Bytes>{fail(Errc::malformed, "")};
    if (!bytes)
        return fail(Errc::invalid_argument,
                    "a secret that starts with '" + std::string{prefix} +
                        "' must go on in standard base64 with its padding (=); copy it whole");
    return Secret::take(std::move(*bytes));
}

Secret encode(ByteView bytes, std::string_view prefix) {
    std::string text{prefix};
    std::string base64 = to_base64(bytes);
    text.reserve(prefix.size() + base64.size());
    text += base64;
    wipe(base64.data(), base64.size());
    return Secret::take(std::move(text));
}

Result<> check_own_text(std::string_view text) {
    if (text.size() < own_secret_bytes_min || text.size() > own_secret_bytes_max)
        return fail(Errc::invalid_argument,
                    "a secret has 16 to 512 bytes, this one has " + std::to_string(text.size()));
    const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    if (find_invalid_utf8(text) || std::ranges::any_of(text, is_control))
        return fail(Errc::invalid_argument,
                    "a secret is text (UTF-8) without line ends or other control characters; for "
                    "binary keys use whsec_ and base64");
    if (text.front() == ' ' || text.back() == ' ')
        return fail(Errc::invalid_argument, "a secret may not begin or end with a space");
    if (text.starts_with(public_prefix))
        return fail(Errc::invalid_argument,
                    "this is a public key (whpk_); signing needs a secret: whsec_, whsk_ or a text "
                    "of your own");
    return {};
}

}  // namespace

Result<WebhookSecret> WebhookSecret::parse(std::string_view text) {
    WebhookSecret out;
    if (text.starts_with(hmac_prefix)) {
        TRY(out.key_, decode(text, hmac_prefix));
        const std::size_t size = out.key_.size();
        if (size < whsec_key_bytes_min || size > whsec_key_bytes_max)
            return fail(
                Errc::invalid_argument,
                "a whsec_ secret holds 24 to 64 bytes, this one holds " + std::to_string(size));
    } else if (text.starts_with(private_prefix)) {
        out.kind_ = WebhookSecretKind::ed25519;
        TRY(const Secret bytes, decode(text, private_prefix));
        if (bytes.size() != 32 && bytes.size() != 64)
            return fail(Errc::invalid_argument,
                        "a whsk_ secret holds 32 bytes (seed) or 64 (seed and public key), this "
                        "one holds " +
                            std::to_string(bytes.size()));
        out.key_ = Secret::copy_of(bytes.expose().first(ed25519_seed_bytes));
        TRY(const Ed25519KeyPair pair, Ed25519KeyPair::from_seed(out.key_.expose()));
        const ByteView rest = bytes.expose().subspan(ed25519_seed_bytes);
        if (!rest.empty() && !constant_time_equal(rest, pair.public_bytes()))
            return fail(Errc::invalid_argument,
                        "the two halves of the whsk_ secret do not belong together");
    } else {
        CHECK(check_own_text(text));
        out.key_ = Secret::copy_of(text);
    }
    out.text_ = Secret::copy_of(text);
    return out;
}

WebhookSecret WebhookSecret::generate_hmac(RandomSource& random) {
    Bytes key(32);
    random.fill(key);
    WebhookSecret out;
    out.text_ = encode(key, hmac_prefix);
    out.key_ = Secret::take(std::move(key));
    return out;
}

WebhookSecret WebhookSecret::generate_ed25519(RandomSource& random) {
    const Ed25519KeyPair pair = Ed25519KeyPair::generate(random);
    std::array<std::uint8_t, 64> both;
    std::ranges::copy(pair.seed().expose(), both.begin());
    std::ranges::copy(pair.public_bytes(), both.begin() + ed25519_seed_bytes);
    WebhookSecret out;
    out.kind_ = WebhookSecretKind::ed25519;
    out.text_ = encode(both, private_prefix);
    out.key_ = Secret::copy_of(pair.seed().expose());
    wipe(both.data(), both.size());
    return out;
}

std::string WebhookSecret::masked() const {
    const std::string_view text = text_.expose_text();
    std::string out;
    // Of a 64-byte whsk_ the last characters are public key; of any other text 4 of at least 24.
    for (const std::string_view prefix : {hmac_prefix, private_prefix})
        if (text.starts_with(prefix)) out = prefix;
    out += "…";
    if (text.size() >= 24) {
        std::string_view tail = text.substr(text.size() - shown_bytes);
        while (!tail.empty() && (tail.front() & 0xc0) == 0x80) tail.remove_prefix(1);
        out += tail;
    }
    return out;
}

Result<std::string> WebhookSecret::public_text() const {
    if (kind_ != WebhookSecretKind::ed25519)
        return fail(Errc::invalid_argument, "an HMAC secret has no public key");
    TRY(const Ed25519KeyPair pair, Ed25519KeyPair::from_seed(key_.expose()));
    return std::string{public_prefix} + to_base64(pair.public_bytes());
}

Result<Secret> WebhookSecret::whsec_text() const {
    const std::size_t size = key_.size();
    if (kind_ != WebhookSecretKind::hmac || size < whsec_key_bytes_min ||
        size > whsec_key_bytes_max)
        return fail(Errc::invalid_argument,
                    "only an HMAC secret of 24 to 64 bytes can be written as whsec_");
    return encode(key_.expose(), hmac_prefix);
}

Result<Bytes> parse_webhook_public_key(std::string_view text) {
    if (text.starts_with(public_prefix) && text.size() <= 256) {
        auto bytes = from_base64(text.substr(public_prefix.size()));
        if (bytes && bytes->size() == ed25519_public_bytes) return bytes;
    }
    return fail(Errc::invalid_argument,
                "a webhook public key is whpk_ and 32 bytes in standard base64");
}

}  // namespace blotter::security
