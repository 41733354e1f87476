#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "security/random_source.hpp"
#include "security/secret.hpp"

namespace blotter::security {

inline constexpr std::size_t key_file_bytes_max = 16 << 10;
inline constexpr std::size_t master_keys_max = 16;
inline constexpr std::size_t master_key_id_bytes = 16;

/// A key-encryption key: 32 bytes that live outside the database and wrap the keys inside it. Its
/// id is the first 8 bytes of HMAC-SHA-256(key, "blotter master key id v1") in hex, so that a text
/// with a changed character cannot pass for the key.
struct MasterKey {
    std::string id;
    Secret key;
};

/// The master keys of an installation, the current one first; older ones still open what they
/// wrapped. Immutable after reading; never empty.
///
/// Text: one key per line (or, in an environment value, separated by commas), either
/// `ID BASE64` as written by Blotter, or `BASE64` alone, for example from `openssl rand -base64
/// 32`. Empty lines and lines that start with # do not count.
class MasterKeys {
  public:
    /// `origin` names the file or the environment variable in errors.
    static Result<MasterKeys> parse(std::string_view text, std::string_view origin);
    /// Reads the file only if it is a plain file of this user with mode 0400 or 0600, or one that
    /// systemd handed over (LoadCredential): below `credentials`, of root, mode 0400 or 0440.
    /// Otherwise the error says which command puts it right.
    static Result<MasterKeys> load_file(
        const std::filesystem::path& path,
        const std::filesystem::path& credentials = "/run/credentials");

    /// A second set for a vault on another thread.
    MasterKeys copy() const;

    const MasterKey& current() const { return keys_.front(); }
    /// Null when there is no such key.
    const MasterKey* find(std::string_view id) const;
    const std::vector<MasterKey>& all() const { return keys_; }

  private:
    std::vector<MasterKey> keys_;
};

std::string master_key_id(ByteView key);

/// Writes a new file with one fresh key: mode 0400, synced together with its folder. Refuses to
/// touch a file that exists.
Result<> create_key_file(const std::filesystem::path& path, RandomSource& random);

/// Puts a fresh key in front of those in the file, replacing the file in one step. Afterwards
/// everything wrapped under the older keys is re-wrapped; then the older lines may be removed.
Result<> add_key_to_file(const std::filesystem::path& path, RandomSource& random);

}  // namespace blotter::security
