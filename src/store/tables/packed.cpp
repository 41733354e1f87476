#include "store/tables/packed.hpp"

#include <optional>

#include "base/invariant.hpp"

namespace blotter::store {
namespace {

/// Takes one number off the front. Nothing when it is cut off, longer than a number can be, or not
/// written in the shortest form.
std::optional<std::uint64_t> take(ByteView& packed) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < packed.size() && i < 9; ++i) {
        value |= static_cast<std::uint64_t>(packed[i] & 0x7f) << (7 * i);
        if ((packed[i] & 0x80) != 0) continue;
        if (packed[i] == 0 && i > 0) return std::nullopt;
        packed = packed.subspan(i + 1);
        return value;
    }
    return std::nullopt;
}

}  // namespace

void pack_numbers(std::span<const std::int64_t> numbers, Bytes& out) {
    INVARIANT(numbers.size() <= packed_numbers_max);
    out.reserve(out.size() + 2 * numbers.size());
    for (const std::int64_t number : numbers) {
        INVARIANT(number >= 0);
        auto rest = static_cast<std::uint64_t>(number);
        for (; rest >= 0x80; rest >>= 7)
            out.push_back(static_cast<std::uint8_t>(0x80 | (rest & 0x7f)));
        out.push_back(static_cast<std::uint8_t>(rest));
    }
}

Result<std::vector<std::int64_t>> unpack_numbers(ByteView packed) {
    std::vector<std::int64_t> out;
    while (!packed.empty()) {
        const auto number = take(packed);
        if (!number || out.size() == packed_numbers_max)
            return fail(Errc::corrupt, "a stored list of numbers is damaged");
        out.push_back(static_cast<std::int64_t>(*number));
    }
    return out;
}

bool packed_contains(ByteView packed, std::int64_t number) {
    while (!packed.empty()) {
        const auto found = take(packed);
        if (!found) return false;
        if (static_cast<std::int64_t>(*found) == number) return true;
    }
    return false;
}

}  // namespace blotter::store
