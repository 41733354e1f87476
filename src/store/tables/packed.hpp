#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/invariant.hpp"
#include "base/result.hpp"

namespace blotter::store {

/// The most numbers that one packed column holds.
inline constexpr std::size_t packed_numbers_max = 10'000;

/// Small numbers in one column instead of one row each: unsigned LEB128, one after another, in the
/// order given. Numbers are store numbers, never negative. Appends to `out`.
void pack_numbers(std::span<const std::int64_t> numbers, Bytes& out);
/// One number, not negative. Appends to `out`, a string or Bytes.
template <typename Out>
void pack_number(std::int64_t number, Out& out) {
    INVARIANT(number >= 0);
    auto rest = static_cast<std::uint64_t>(number);
    for (; rest >= 0x80; rest >>= 7)
        out.push_back(static_cast<typename Out::value_type>(0x80 | (rest & 0x7f)));
    out.push_back(static_cast<typename Out::value_type>(rest));
}
/// Takes one number off the front. Nothing when it is cut off, longer than a number can be, or not
/// written in the shortest form.
std::optional<std::uint64_t> take_packed(ByteView& packed);
/// `corrupt` for what `pack_numbers` cannot have written.
Result<std::vector<std::int64_t>> unpack_numbers(ByteView packed);
/// Whether a packed column holds a number; false for a damaged one. No allocation, for filters.
bool packed_contains(ByteView packed, std::int64_t number);

}  // namespace blotter::store
