#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "security/cipher.hpp"
#include "security/hmac.hpp"
#include "security/key_file.hpp"
#include "security/random_source.hpp"
#include "security/secret.hpp"
#include "security/wrapped_key.hpp"

namespace blotter::security {

/// The data key of one subject (an envelope, a person): seals and commits to payloads. Destroying
/// its wrapped form everywhere makes the payloads unreadable and the commitments unprovable.
/// Move-only; the keys inside are derived once, when it is made or opened.
class DataKey {
  public:
    DataKey(DataKey&&) noexcept = default;
    DataKey& operator=(DataKey&&) noexcept = default;

  private:
    friend class Vault;
    DataKey() = default;

    Secret cipher_key_;
    Secret salt_key_;
};

/// A data key and the only form in which it may be stored.
struct NewDataKey {
    DataKey key;
    Bytes wrapped;
};

/// The keys that protect what the store keeps, and the only place that uses them.
///
///     master key (key file)  wraps  workspace key (WrappedKey)  seals  secrets, and data keys
///                                                      data key (per subject)  seals  payloads
///
/// Blob under a workspace key, AES-256-GCM:
///     0x01 ‖ key_id(8) ‖ nonce(12) ‖ ciphertext ‖ tag(16)
///     AAD = 0x01 ‖ workspace(16) ‖ len8(table) ‖ table ‖ len8(column) ‖ column
///                ‖ len16(row) ‖ row ‖ key_id(8)         (lengths big-endian: no two cells share
///                one)
/// Payload under a data key: 0x02 ‖ nonce(12) ‖ ciphertext ‖ tag(16), the same AAD with 0x02 in
/// front and zeros for the key id. Cipher and salt key of a data key K are HMAC-SHA-256(K, label)
/// with the labels "blotter payload cipher v1" and "blotter payload salt v1"; the commitment is
/// HMAC-SHA-256(salt key, payload).
///
/// Nonces are random: a workspace key is due for replacement after 2^28 values sealed by one vault
/// or a year, far below the 2^32 of NIST SP 800-38D even with sixteen vaults at work.
/// Keeps its cipher contexts scheduled; not thread-safe: one vault per thread, each given the same
/// wrapped keys. It stores nothing: keys come in and go out as WrappedKey values.
class Vault {
  public:
    /// `random` must outlive the vault and give unpredictable bytes.
    Vault(MasterKeys masters, RandomSource& random);
    ~Vault();
    Vault(const Vault&) = delete;
    Vault& operator=(const Vault&) = delete;

    /// Other master keys from now on, for a rotation under way. Keys that are held stay held.
    void set_masters(MasterKeys masters) { masters_ = std::move(masters); }

    /// A known text sealed under the current master key, to be stored once per installation.
    Bytes make_canary();
    /// Fails if the master keys are not those that made the canary: refuse to start then.
    Result<> check_canary(ByteView canary) const;
    /// True when the canary should be made anew because an older master key sealed it.
    bool is_canary_outdated(ByteView canary) const;

    /// Makes a workspace key, holds it as the current one, and gives it out for storing. Store it
    /// durably before storing anything that it sealed.
    WrappedKey create_key(WorkspaceId workspace, KeyPurpose purpose, Timestamp now);
    /// Holds a stored key. The newest of a workspace and purpose seals; all of them open.
    Result<> load_key(const WrappedKey& wrapped);
    /// Drops a key: nothing is sealed under it any more, or what is sealed shall be lost.
    void forget_key(KeyId id);
    bool has_key(WorkspaceId workspace, KeyPurpose purpose) const;
    /// True when the key should be followed by a new one: too old, or used too often.
    bool is_key_due(WorkspaceId workspace, KeyPurpose purpose, Timestamp now) const;

    bool needs_rewrap(const WrappedKey& wrapped) const;
    /// The same workspace key under the current master key. What it sealed stays as it is.
    Result<WrappedKey> rewrap(const WrappedKey& wrapped);

    /// Seals a value for its cell under the current key of the cell's workspace for secrets.
    Result<Bytes> seal(const Cell& cell, ByteView plain);
    /// Opens a value of that cell. A changed, moved or foreign value is `corrupt`.
    Result<Secret> open(const Cell& cell, ByteView sealed);
    /// True if the value was sealed under the current key (background re-encryption skips it).
    bool is_current(const Cell& cell, KeyPurpose purpose, ByteView sealed) const;

    /// Makes a data key, wrapped under the workspace's current key for payloads.
    Result<NewDataKey> create_data_key(const Cell& cell);
    Result<DataKey> open_data_key(const Cell& cell, ByteView wrapped);
    /// The same data key wrapped under the current workspace key.
    Result<Bytes> rewrap_data_key(const Cell& cell, ByteView wrapped);

    Bytes seal_payload(const DataKey& key, const Cell& cell, ByteView payload);
    Result<Bytes> open_payload(const DataKey& key, const Cell& cell, ByteView sealed);
    /// The commitment that goes into the ledger instead of the payload.
    Digest commit(const DataKey& key, ByteView payload);

  private:
    struct WorkspaceKey;
    using Slot = std::pair<WorkspaceId, KeyPurpose>;

    static std::pair<Timestamp, KeyId> age_of(const WorkspaceKey& key);
    void hold(std::unique_ptr<WorkspaceKey> key);
    WorkspaceKey* current(WorkspaceId workspace, KeyPurpose purpose) const;
    Result<Secret> unwrap(const WrappedKey& wrapped) const;
    WrappedKey wrap(WrappedKey key, ByteView bytes);
    Result<Bytes> seal_for(KeyPurpose purpose, const Cell& cell, ByteView plain);
    Result<Secret> open_for(KeyPurpose purpose, const Cell& cell, ByteView sealed);
    DataKey derive(ByteView data_key);
    GcmNonce fresh_nonce();

    struct KeyIdHash {
        std::size_t operator()(const KeyId& id) const noexcept;
    };

    MasterKeys masters_;
    RandomSource& random_;
    std::unordered_map<KeyId, std::unique_ptr<WorkspaceKey>, KeyIdHash> keys_;
    std::map<Slot, WorkspaceKey*> current_;
    AesGcm payload_cipher_;  // re-keyed for each use: a subject's key serves a handful of payloads
    HmacSha256 hmac_;
};

}  // namespace blotter::security
