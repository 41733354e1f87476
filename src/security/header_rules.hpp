#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace blotter::security {

inline constexpr std::size_t custom_headers_max = 32;
inline constexpr std::size_t custom_header_name_bytes_max = 64;
inline constexpr std::size_t custom_header_value_bytes_max = 2048;
inline constexpr std::size_t custom_headers_bytes_max = 8192;

/// A header that a destination's owner wants on every request. The value may be a credential.
struct HeaderView {
    std::string_view name;
    std::string_view value;
};

/// What the destination already uses for itself.
struct HeaderRules {
    /// The name of its compatibility signature header; empty when it has none.
    std::string_view signature_header;
    /// `taken` when the destination has a bearer key, which fills Authorization.
    enum class Authorization : std::uint8_t { open, taken } authorization = Authorization::open;
};

/// Checks the custom headers of a destination: at most 32, names are tokens (RFC 9110
/// section 5.6.2) of at most 64 bytes, each once, none that belongs to the connection, the framing,
/// the content or the signature; values are visible ASCII, spaces and tabs inside, at most 2048
/// bytes; all together at most 8 KiB. The error points to the header ("/headers/3") and never
/// repeats a value.
Result<> check_custom_headers(std::span<const HeaderView> headers, const HeaderRules& rules = {});

/// Checks the name chosen for a compatibility signature header.
Result<> check_signature_header_name(std::string_view name);

/// True for names whose values are credentials and are masked wherever they are shown.
bool is_sensitive_header(std::string_view name);

}  // namespace blotter::security
