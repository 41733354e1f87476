#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace blotter::security {

using KeyId = std::array<std::uint8_t, 8>;

/// What a workspace key is for (stored; never renumber). Payloads have a key of their own, so that
/// it can be kept apart from the rest with a shorter life in backups.
enum class KeyPurpose : std::uint8_t { secrets = 1, payloads = 2 };

/// A workspace key as the store keeps it: sealed under a master key, useless without it. The nil
/// workspace stands for the installation itself. A value.
///
/// `wrapped` = nonce(12) ‖ AES-256-GCM(master key, 32 key bytes) ‖ tag(16), with the AAD
/// "blotter workspace key v1" ‖ id(8) ‖ workspace(16) ‖ purpose(1) ‖ created_at(8, ms, big-endian)
/// ‖ master_id. GCM alone does not commit to a key, so `commitment` = the first 16 bytes of
/// HMAC-SHA-256(key, "blotter key commitment v1" ‖ id) is checked after unwrapping.
struct WrappedKey {
    KeyId id{};
    WorkspaceId workspace;
    KeyPurpose purpose = KeyPurpose::secrets;
    std::string master_id;
    Timestamp created_at;
    Bytes wrapped;
    std::array<std::uint8_t, 16> commitment{};

    bool operator==(const WrappedKey&) const = default;
};

/// The place of a sealed value. A value opens only in the place for which it was sealed, so that
/// rows cannot be swapped. Table and column have 1 to 64 bytes, the row key 1 to 256.
struct Cell {
    WorkspaceId workspace;
    std::string_view table;
    std::string_view column;
    ByteView row;
};

}  // namespace blotter::security
