// The plain functions of SHA-256 are called old by OpenSSL 3, and cost a tenth of a context.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/bytes.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/invariant.hpp"

namespace blotter {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string encode64(ByteView bytes, std::string_view digits, bool padded) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    std::size_t i = 0;
    for (; i + 3 <= bytes.size(); i += 3) {
        const std::uint32_t v = bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];
        out += digits[v >> 18];
        out += digits[v >> 12 & 63];
        out += digits[v >> 6 & 63];
        out += digits[v & 63];
    }
    const std::size_t rest = bytes.size() - i;
    if (rest == 0) return out;
    const std::uint32_t v = bytes[i] << 16 | (rest == 2 ? bytes[i + 1] << 8 : 0);
    out += digits[v >> 18];
    out += digits[v >> 12 & 63];
    if (rest == 2) out += digits[v >> 6 & 63];
    if (padded) out.append(3 - rest, '=');
    return out;
}

using Reverse = std::array<std::int16_t, 256>;

constexpr Reverse reverse_of(std::string_view digits) {
    Reverse table{};
    table.fill(-1);
    for (std::size_t i = 0; i < digits.size(); ++i)
        table[static_cast<std::uint8_t>(digits[i])] = static_cast<std::int16_t>(i);
    return table;
}

/// Four characters at a time; what is left at the end is two or three.
Result<Bytes> decode64(std::string_view text, const Reverse& table) {
    if (text.size() % 4 == 1) return fail(Errc::malformed, "base64 text has an impossible length");
    Bytes out(text.size() * 3 / 4);
    std::uint8_t* to = out.data();
    int wrong = 0;
    const auto value = [&](std::size_t at) {
        const int found = table[static_cast<std::uint8_t>(text[at])];
        wrong |= found;
        return static_cast<std::uint32_t>(found) & 63;
    };
    std::size_t i = 0;
    for (; i + 4 <= text.size(); i += 4) {
        const std::uint32_t bits =
            value(i) << 18 | value(i + 1) << 12 | value(i + 2) << 6 | value(i + 3);
        *to++ = static_cast<std::uint8_t>(bits >> 16);
        *to++ = static_cast<std::uint8_t>(bits >> 8);
        *to++ = static_cast<std::uint8_t>(bits);
    }
    std::uint32_t unused = 0;
    if (const std::size_t left = text.size() - i; left > 0) {
        const std::uint32_t bits =
            value(i) << 12 | value(i + 1) << 6 | (left == 3 ? value(i + 2) : 0);
        *to++ = static_cast<std::uint8_t>(bits >> 10);
        if (left == 3) *to++ = static_cast<std::uint8_t>(bits >> 2);
        unused = bits & (left == 3 ? 0x3 : 0x3ff);
    }
    if (wrong < 0)
        return fail(Errc::malformed, "base64 text holds a character outside its alphabet");
    if (unused != 0) return fail(Errc::malformed, "base64 text ends in bits that are not zero");
    return out;
}

// Fetched once: a fetch per call costs more than hashing a small message (OpenSSL 3.0).
const EVP_MD* sha256_method() {
    static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return method;
}

}  // namespace

std::string to_hex(ByteView bytes) {
    std::string out(bytes.size() * 2, '\0');
    char* at = out.data();
    for (const std::uint8_t b : bytes) {
        *at++ = hex_digits[b >> 4];
        *at++ = hex_digits[b & 15];
    }
    return out;
}

Result<Bytes> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return fail(Errc::malformed, "hexadecimal text has an odd length");
    Bytes out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_value(text[i]);
        const int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return fail(Errc::malformed, "hexadecimal text holds another character");
        out.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return out;
}

std::string to_base64(ByteView bytes) {
    return encode64(bytes, base64_digits, true);
}
std::string to_base64url(ByteView bytes) {
    return encode64(bytes, base64url_digits, false);
}

Result<Bytes> from_base64(std::string_view text) {
    static constexpr Reverse table = reverse_of(base64_digits);
    if (text.size() % 4 != 0) return fail(Errc::malformed, "base64 text is not padded to four");
    if (text.ends_with('=')) text.remove_suffix(1);
    if (text.size() % 4 == 3 && text.ends_with('=')) text.remove_suffix(1);
    return decode64(text, table);
}

Result<Bytes> from_base64url(std::string_view text) {
    static constexpr Reverse table = reverse_of(base64url_digits);
    return decode64(text, table);
}

Digest sha256(ByteView data) {
    SHA256_CTX state;
    Digest out;
    const bool done = SHA256_Init(&state) == 1 &&
                      SHA256_Update(&state, data.data(), data.size()) == 1 &&
                      SHA256_Final(out.data(), &state) == 1;
    INVARIANT(done);
    return out;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    const bool ready =
        EVP_DigestInit_ex2(static_cast<EVP_MD_CTX*>(context_), sha256_method(), nullptr) == 1;
    INVARIANT(ready);
}

Sha256::~Sha256() {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Sha256::update(ByteView data) {
    const bool done =
        EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size()) == 1;
    INVARIANT(done);
}

Digest Sha256::finish() {
    Digest out;
    const bool done =
        EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), out.data(), nullptr) == 1;
    INVARIANT(done);
    return out;
}

bool constant_time_equal(ByteView left, ByteView right) {
    return left.size() == right.size() &&
           CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace blotter
