#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace blotter {

/// The offset of the first byte that is not part of valid UTF-8 (RFC 3629), if any.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// The longest prefix of at most `bytes_max` bytes that does not split a character.
std::string_view cut_utf8(std::string_view text, std::size_t bytes_max);

}  // namespace blotter
