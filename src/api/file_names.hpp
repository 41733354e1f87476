#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace blotter::api {

inline constexpr std::size_t file_name_bytes_max = 1'024;

/// The header X-File-Name: percent-encoded UTF-8 (RFC 3986 section 2.1), at most
/// `file_name_bytes_max` bytes decoded, without control characters. "file" when it is empty.
Result<std::string> read_file_name(std::string_view header);

/// "type/subtype" in lower case, without parameters (RFC 9110 section 8.3.1);
/// application/octet-stream when the header is empty.
Result<std::string> read_media_type(std::string_view header);

/// The type under which a stored file goes out: what no browser runs, or
/// application/octet-stream.
std::string_view safe_media_type(std::string_view stored);

/// `attachment` with the name in both forms of RFC 6266: plain ASCII with everything unusual
/// replaced, and `filename*` (RFC 8187).
std::string make_disposition(std::string_view name);

}  // namespace blotter::api
