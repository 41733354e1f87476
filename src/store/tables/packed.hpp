#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace blotter::store {

/// The most numbers that one packed column holds.
inline constexpr std::size_t packed_numbers_max = 10'000;

/// Small numbers in one column instead of one row each: unsigned LEB128, one after another, in the
/// order given. Numbers are store numbers, never negative. Appends to `out`.
void pack_numbers(std::span<const std::int64_t> numbers, Bytes& out);
/// `corrupt` for what `pack_numbers` cannot have written.
Result<std::vector<std::int64_t>> unpack_numbers(ByteView packed);
/// Whether a packed column holds a number; false for a damaged one. No allocation, for filters.
bool packed_contains(ByteView packed, std::int64_t number);

}  // namespace blotter::store
