#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"

namespace blotter::security {

/// How many certificate authorities a destination may bring.
inline constexpr std::size_t authorities_max = 16;

/// Checks certificate authorities as somebody pastes them: 1 to `authorities_max` X.509
/// certificates in PEM and no other PEM block. Text around the blocks is let pass, as OpenSSL does.
/// Errc::invalid_argument says which block is wrong, and how. Whether they are still valid shows
/// when they are used. Pure.
Result<> check_authorities(std::string_view pem);

}  // namespace blotter::security
