#include "base/ids.hpp"

#include <array>

namespace blotter {
namespace {

constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

constexpr std::array<std::int8_t, 256> values = [] {
    std::array<std::int8_t, 256> out{};
    out.fill(-1);
    for (std::size_t i = 0; i < digits.size(); ++i)
        out[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
    return out;
}();

int value_of(char c) {
    return values[static_cast<unsigned char>(c)];
}

}  // namespace

Base32 base32_of(const Uuid& id) {
    // 128 bits in 26 digits of 5: the first digit carries the top 3 bits.
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    for (std::size_t i = 0; i < 8; ++i) high = high << 8 | id[i];
    for (std::size_t i = 8; i < 16; ++i) low = low << 8 | id[i];
    Base32 out;
    // The digit in the middle has bits of both halves: one of the upper, four of the lower.
    out[13] = digits[(high & 1) << 4 | low >> 60];
    std::uint64_t bits = high >> 1;
    for (std::size_t at = 13; at-- > 0; bits >>= 5) out[at] = digits[bits & 31];
    bits = low;
    for (std::size_t at = 26; at-- > 14; bits >>= 5) out[at] = digits[bits & 31];
    return out;
}

std::string to_base32(const Uuid& id) {
    const Base32 text = base32_of(id);
    return {text.data(), text.size()};
}

Result<Uuid> from_base32(std::string_view text) {
    if (text.size() != 26 || text[0] > '7')
        return fail(Errc::malformed, "an id has 26 base32 characters, the first of them 0 to 7");
    Uuid out{};
    unsigned bits = 0;
    int count = 0;
    std::size_t at = 16;
    for (std::size_t i = 26; i-- > 0;) {
        const int value = value_of(text[i]);
        if (value < 0) return fail(Errc::malformed, "an id holds a character outside its alphabet");
        bits |= static_cast<unsigned>(value) << count;
        count += 5;
        if (count >= 8 && at > 0) {
            out[--at] = static_cast<std::uint8_t>(bits);
            bits >>= 8;
            count -= 8;
        }
    }
    return out;
}

Uuid make_uuid7(Timestamp at, std::span<const std::uint8_t, 10> random) {
    Uuid id{};
    const auto ms = static_cast<std::uint64_t>(to_ms(at));
    for (int i = 0; i < 6; ++i) id[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    std::copy(random.begin(), random.end(), id.begin() + 6);
    id[6] = static_cast<std::uint8_t>(0x70 | (id[6] & 0x0f));
    id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
    return id;
}

Timestamp time_of(const Uuid& id) {
    std::int64_t ms = 0;
    for (int i = 0; i < 6; ++i) ms = ms << 8 | id[i];
    return from_ms(ms);
}

}  // namespace blotter
