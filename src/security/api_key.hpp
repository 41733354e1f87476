#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "security/random_source.hpp"
#include "security/secret.hpp"

namespace blotter::security {

/// The bearer key of an API caller. Text, 81 characters exactly:
///
///     blt_ ID _ SECRET _ CHECK
///     ID      26 base32 characters: the ApiKeyId without its prefix, public, the look-up key
///     SECRET  43 base62 characters (0-9 A-Z a-z), big-endian: 32 random bytes
///     CHECK    6 base62 characters: CRC-32 (ISO-HDLC) of everything before the last "_"
///
/// The check finds typing errors and lets scanners of leaked secrets be sure; it protects nothing.
/// Stored are the id and SHA-256 of the whole text: the secret has 256 random bits, so no slow hash
/// is needed.
inline constexpr std::size_t api_key_text_bytes = 81;

/// A fresh key. The text is shown once; `hash` and `hint` are what is stored.
struct NewApiKey {
    ApiKeyId id;
    Secret text;
    Digest hash;
    std::string hint;  ///< "blt_01J9ZC3M…x7Qp", for lists
};

NewApiKey create_api_key(ApiKeyId id, RandomSource& random);

/// What a caller presented: whose key it claims to be, and the hash to compare with the stored one.
struct PresentedApiKey {
    ApiKeyId id;
    Digest hash;
};

/// Reads the text of a key. Any other text is `unauthenticated`, without a word of what it was.
Result<PresentedApiKey> read_api_key(std::string_view text);

/// Constant-time. Compare with an all-zero hash when there is no such id, so that an unknown id
/// takes as long as a wrong secret.
bool matches(const PresentedApiKey& presented, const Digest& stored_hash);

}  // namespace blotter::security
