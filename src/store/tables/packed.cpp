#include "store/tables/packed.hpp"

namespace blotter::store {

std::optional<std::uint64_t> take_packed(ByteView& packed) {
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

void pack_numbers(std::span<const std::int64_t> numbers, Bytes& out) {
    INVARIANT(numbers.size() <= packed_numbers_max);
    out.reserve(out.size() + 2 * numbers.size());
    for (const std::int64_t number : numbers) pack_number(number, out);
}

Result<std::vector<std::int64_t>> unpack_numbers(ByteView packed) {
    std::vector<std::int64_t> out;
    while (!packed.empty()) {
        const auto number = take_packed(packed);
        if (!number || out.size() == packed_numbers_max)
            return fail(Errc::corrupt, "a stored list of numbers is damaged");
        out.push_back(static_cast<std::int64_t>(*number));
    }
    return out;
}

bool packed_contains(ByteView packed, std::int64_t number) {
    while (!packed.empty()) {
        const auto found = take_packed(packed);
        if (!found) return false;
        if (static_cast<std::int64_t>(*found) == number) return true;
    }
    return false;
}

}  // namespace blotter::store
