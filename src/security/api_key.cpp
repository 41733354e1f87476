#include "security/api_key.hpp"

#include <algorithm>
#include <array>

#include <boost/crc.hpp>

#include "base/invariant.hpp"

namespace blotter::security {
namespace {

constexpr std::string_view prefix = "blt_";
constexpr std::string_view base62_digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t id_chars = 26;
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t secret_chars = 43;  // 62^43 is just above 2^256
constexpr std::size_t check_chars = 6;    // 62^6 is above 2^32
constexpr std::size_t id_at = prefix.size();
constexpr std::size_t secret_at = id_at + id_chars + 1;
constexpr std::size_t check_at = secret_at + secret_chars + 1;
constexpr std::size_t hint_tail_chars = 4;
static_assert(check_at + check_chars == api_key_text_bytes);

/// A big-endian number in base 62 with leading zeros; the number is zero afterwards.
void append_base62(std::string& out, std::span<std::uint8_t> number, std::size_t chars) {
    const std::size_t begin = out.size();
    out.append(chars, '0');
    for (std::size_t i = chars; i-- > 0;) {
        unsigned rest = 0;
        for (std::uint8_t& byte : number) {
            const unsigned value = rest << 8 | byte;
            byte = static_cast<std::uint8_t>(value / 62);
            rest = value % 62;
        }
        out[begin + i] = base62_digits[rest];
    }
}

void append_check(std::string& out) {
    boost::crc_32_type crc;
    crc.process_bytes(out.data(), out.size());
    const std::uint32_t value = crc.checksum();
    std::array<std::uint8_t, 4> bytes{
        static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
        static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    out += '_';
    append_base62(out, bytes, check_chars);
}

}  // namespace

NewApiKey create_api_key(ApiKeyId id, RandomSource& random) {
    std::array<std::uint8_t, secret_bytes> bytes;
    random.fill(bytes);
    std::string text;
    text.reserve(api_key_text_bytes);
    text += prefix;
    text += to_base32(id.value);
    text += '_';
    append_base62(text, bytes, secret_chars);
    const std::string tail = text.substr(text.size() - hint_tail_chars);
    append_check(text);
    INVARIANT(text.size() == api_key_text_bytes);
    NewApiKey out{
        .id = id, .text = {}, .hash = sha256(text), .hint = text.substr(0, 12) + "…" + tail};
    out.text = Secret::take(std::move(text));
    return out;
}

Result<PresentedApiKey> read_api_key(std::string_view text) {
    const auto refuse = [] {
        return fail(Errc::unauthenticated,
                    "this is not an API key; a key starts with blt_ and has 81 characters");
    };
    const auto is_base62 = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    if (text.size() != api_key_text_bytes || !text.starts_with(prefix) ||
        text[secret_at - 1] != '_' || text[check_at - 1] != '_' ||
        !std::ranges::all_of(text.substr(secret_at, secret_chars), is_base62))
        return refuse();
    std::string expected;
    expected.reserve(api_key_text_bytes);
    expected += text.substr(0, check_at - 1);
    append_check(expected);
    const bool checked = expected == text;
    wipe(expected.data(), expected.size());
    if (!checked) return refuse();
    const auto id = from_base32(text.substr(id_at, id_chars));
    if (!id) return refuse();
    return PresentedApiKey{ApiKeyId{*id}, sha256(text)};
}

bool matches(const PresentedApiKey& presented, const Digest& stored_hash) {
    return constant_time_equal(presented.hash, stored_hash);
}

}  // namespace blotter::security
