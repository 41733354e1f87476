#include "security/vault.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter::security {
namespace {

constexpr std::uint8_t value_version = 1;
constexpr std::uint8_t payload_version = 2;
constexpr std::size_t nonce_bytes = sizeof(GcmNonce);
constexpr std::size_t value_head_bytes = 1 + sizeof(KeyId) + nonce_bytes;
constexpr std::size_t payload_head_bytes = 1 + nonce_bytes;
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t row_bytes_max = 256;
constexpr std::uint64_t seals_max = std::uint64_t{1} << 28;
constexpr std::chrono::days key_age_max{365};
constexpr std::string_view canary_text = "blotter canary v1";

/// Authenticated data, built on the stack: a seal allocates nothing but its result.
class Aad {
  public:
    void add(ByteView bytes) {
        INVARIANT(bytes.size() <= bytes_.size() - size_);
        std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += bytes.size();
    }
    void add(std::string_view text) { add(as_bytes(text)); }
    void add_integer(std::uint64_t value, int bytes) {
        for (int i = bytes; i-- > 0;) {
            const auto byte = static_cast<std::uint8_t>(value >> 8 * i);
            add(ByteView{&byte, 1});
        }
    }
    ByteView view() const { return ByteView{bytes_}.first(size_); }

  private:
    std::array<std::uint8_t, 480> bytes_;
    std::size_t size_ = 0;
};

Aad aad_of(std::uint8_t version, const Cell& cell, const KeyId& key) {
    // Cells are named by our own code, never by a caller from outside.
    INVARIANT(!cell.table.empty() && cell.table.size() <= name_bytes_max);
    INVARIANT(!cell.column.empty() && cell.column.size() <= name_bytes_max);
    INVARIANT(!cell.row.empty() && cell.row.size() <= row_bytes_max);
    Aad aad;
    aad.add_integer(version, 1);
    aad.add(cell.workspace.bytes());
    aad.add_integer(cell.table.size(), 1);
    aad.add(cell.table);
    aad.add_integer(cell.column.size(), 1);
    aad.add(cell.column);
    aad.add_integer(cell.row.size(), 2);
    aad.add(cell.row);
    aad.add(key);
    return aad;
}

Aad aad_of(const WrappedKey& key) {
    INVARIANT(key.master_id.size() <= name_bytes_max);
    Aad aad;
    aad.add("blotter workspace key v1");
    aad.add(key.id);
    aad.add(key.workspace.bytes());
    aad.add_integer(static_cast<std::uint8_t>(key.purpose), 1);
    aad.add_integer(static_cast<std::uint64_t>(to_ms(key.created_at)), 8);
    aad.add(key.master_id);
    return aad;
}

std::array<std::uint8_t, 16> commitment_of(const KeyId& id, ByteView key) {
    const Digest digest = HmacSha256(key).of({as_bytes("blotter key commitment v1"), id});
    std::array<std::uint8_t, 16> out;
    std::copy_n(digest.begin(), out.size(), out.begin());
    return out;
}

GcmNonce nonce_at(ByteView bytes) {
    GcmNonce nonce;
    std::copy_n(bytes.begin(), nonce.size(), nonce.begin());
    return nonce;
}

std::unexpected<Error> damaged(const Cell& cell) {
    return fail(Errc::corrupt,
                fmt::format("a sealed value of {}.{} does not open: it was changed, cut, or moved "
                            "there from another row",
                            cell.table, cell.column));
}

std::optional<KeyId> key_id_of(ByteView sealed) {
    if (sealed.size() < value_head_bytes + gcm_tag_bytes || sealed[0] != value_version) return {};
    KeyId id;
    std::copy_n(sealed.begin() + 1, id.size(), id.begin());
    return id;
}

/// Canary: 0x01 ‖ len8(master id) ‖ master id ‖ nonce ‖ ciphertext ‖ tag; the AAD is what precedes
/// the nonce.
struct Canary {
    std::string_view master_id;
    ByteView head;
    ByteView nonce;
    ByteView sealed;
};

std::optional<Canary> read_canary(ByteView bytes) {
    if (bytes.size() < 2 || bytes[0] != value_version || bytes[1] != master_key_id_bytes) return {};
    const std::size_t head = 2U + bytes[1];
    if (bytes.size() != head + nonce_bytes + canary_text.size() + gcm_tag_bytes) return {};
    const std::string_view id = as_text(bytes.subspan(2, bytes[1]));
    if (!from_hex(id)) return {};  // It is shown in messages.
    return Canary{id, bytes.first(head), bytes.subspan(head, nonce_bytes),
                  bytes.subspan(head + nonce_bytes)};
}

}  // namespace

struct Vault::WorkspaceKey {
    KeyId id;
    WorkspaceId workspace;
    KeyPurpose purpose;
    Timestamp created_at;
    AesGcm cipher;
    std::uint64_t seals = 0;
};

// By time, then id: every vault that is given the same keys agrees on the current one.
std::pair<Timestamp, KeyId> Vault::age_of(const WorkspaceKey& key) {
    return {key.created_at, key.id};
}

std::size_t Vault::KeyIdHash::operator()(const KeyId& id) const noexcept {
    std::uint64_t value = 0;  // The id is random already.
    for (const std::uint8_t byte : id) value = value << 8 | byte;
    return static_cast<std::size_t>(value);
}

Vault::Vault(MasterKeys masters, RandomSource& random)
    : masters_(std::move(masters)),
      random_(random),
      payload_cipher_(masters_.current().key.expose()),
      hmac_(masters_.current().key.expose()) {}

Vault::~Vault() = default;

GcmNonce Vault::fresh_nonce() {
    GcmNonce nonce;
    random_.fill(nonce);
    return nonce;
}

Bytes Vault::make_canary() {
    const MasterKey& master = masters_.current();
    Bytes out{value_version, static_cast<std::uint8_t>(master.id.size())};
    out.insert(out.end(), master.id.begin(), master.id.end());
    const Bytes head = out;
    const GcmNonce nonce = fresh_nonce();
    out.insert(out.end(), nonce.begin(), nonce.end());
    const std::size_t at = out.size();
    out.resize(at + canary_text.size() + gcm_tag_bytes);
    AesGcm(master.key.expose()).seal(nonce, head, as_bytes(canary_text), out.data() + at);
    return out;
}

Result<> Vault::check_canary(ByteView canary) const {
    const auto read = read_canary(canary);
    if (!read) return fail(Errc::corrupt, "the stored key check (canary) cannot be read");
    const MasterKey* master = masters_.find(read->master_id);
    if (master == nullptr)
        return fail(Errc::precondition_failed,
                    fmt::format("the data was written under the master key {}, which is not among "
                                "the keys given; use the key file that belongs to this database",
                                read->master_id));
    Bytes plain(canary_text.size());
    AesGcm cipher(master->key.expose());
    if (!cipher.open(nonce_at(read->nonce), read->head, read->sealed, plain.data()) ||
        as_text(plain) != canary_text)
        return fail(Errc::corrupt, "the stored key check (canary) was changed");
    return {};
}

bool Vault::is_canary_outdated(ByteView canary) const {
    const auto read = read_canary(canary);
    return !read || read->master_id != masters_.current().id;
}

WrappedKey Vault::wrap(WrappedKey key, ByteView bytes) {
    key.master_id = masters_.current().id;
    const GcmNonce nonce = fresh_nonce();
    key.wrapped.assign(nonce.begin(), nonce.end());
    key.wrapped.resize(nonce_bytes + aes_key_bytes + gcm_tag_bytes);
    AesGcm(masters_.current().key.expose())
        .seal(nonce, aad_of(key).view(), bytes, key.wrapped.data() + nonce_bytes);
    key.commitment = commitment_of(key.id, bytes);
    return key;
}

Result<Secret> Vault::unwrap(const WrappedKey& wrapped) const {
    const MasterKey* master = masters_.find(wrapped.master_id);
    if (master == nullptr)
        return fail(
            Errc::precondition_failed,
            fmt::format("the stored key {} was wrapped under a master key that is not among "
                        "the keys given; put that key back into the key file",
                        to_hex(wrapped.id)));
    Bytes bytes(aes_key_bytes);
    const bool sized = wrapped.wrapped.size() == nonce_bytes + aes_key_bytes + gcm_tag_bytes;
    const bool opened =
        sized && AesGcm(master->key.expose())
                     .open(nonce_at(wrapped.wrapped), aad_of(wrapped).view(),
                           ByteView{wrapped.wrapped}.subspan(nonce_bytes), bytes.data());
    Secret key = Secret::take(std::move(bytes));
    if (!opened ||
        !constant_time_equal(commitment_of(wrapped.id, key.expose()), wrapped.commitment))
        return fail(Errc::corrupt,
                    fmt::format("the stored key {} was changed", to_hex(wrapped.id)));
    return key;
}

void Vault::hold(std::unique_ptr<WorkspaceKey> key) {
    WorkspaceKey*& newest = current_[Slot{key->workspace, key->purpose}];
    if (newest == nullptr || age_of(*newest) < age_of(*key)) newest = key.get();
    const KeyId id = key->id;
    keys_[id] = std::move(key);
}

WrappedKey Vault::create_key(WorkspaceId workspace, KeyPurpose purpose, Timestamp now) {
    WrappedKey out{.workspace = workspace, .purpose = purpose, .created_at = now};
    // A second key within one millisecond, or after the clock went back, must still win.
    if (const WorkspaceKey* before = current(workspace, purpose))
        out.created_at = std::max(now, before->created_at + Duration{1});
    random_.fill(out.id);
    INVARIANT(!keys_.contains(out.id));
    std::array<std::uint8_t, aes_key_bytes> bytes;
    random_.fill(bytes);
    out = wrap(std::move(out), bytes);
    hold(std::make_unique<WorkspaceKey>(out.id, workspace, purpose, out.created_at, AesGcm(bytes)));
    wipe(bytes.data(), bytes.size());
    return out;
}

Result<> Vault::load_key(const WrappedKey& wrapped) {
    if (wrapped.purpose != KeyPurpose::secrets && wrapped.purpose != KeyPurpose::payloads)
        return fail(Errc::corrupt, "a stored key has an unknown purpose");
    if (keys_.contains(wrapped.id)) return {};
    TRY(const Secret key, unwrap(wrapped));
    hold(std::make_unique<WorkspaceKey>(wrapped.id, wrapped.workspace, wrapped.purpose,
                                        wrapped.created_at, AesGcm(key.expose())));
    return {};
}

void Vault::forget_key(KeyId id) {
    const auto found = keys_.find(id);
    if (found == keys_.end()) return;
    const Slot slot{found->second->workspace, found->second->purpose};
    keys_.erase(found);
    WorkspaceKey* newest = nullptr;
    for (const auto& [other_id, key] : keys_)
        if (Slot{key->workspace, key->purpose} == slot &&
            (newest == nullptr || age_of(*newest) < age_of(*key)))
            newest = key.get();
    if (newest == nullptr) {
        current_.erase(slot);
    } else {
        current_[slot] = newest;
    }
}

Vault::WorkspaceKey* Vault::current(WorkspaceId workspace, KeyPurpose purpose) const {
    const auto found = current_.find(Slot{workspace, purpose});
    return found == current_.end() ? nullptr : found->second;
}

bool Vault::has_key(WorkspaceId workspace, KeyPurpose purpose) const {
    return current(workspace, purpose) != nullptr;
}

bool Vault::is_key_due(WorkspaceId workspace, KeyPurpose purpose, Timestamp now) const {
    const WorkspaceKey* key = current(workspace, purpose);
    return key != nullptr && (key->seals >= seals_max || now - key->created_at >= key_age_max);
}

bool Vault::needs_rewrap(const WrappedKey& wrapped) const {
    return wrapped.master_id != masters_.current().id;
}

Result<WrappedKey> Vault::rewrap(const WrappedKey& wrapped) {
    TRY(const Secret key, unwrap(wrapped));
    return wrap(wrapped, key.expose());
}

Result<Bytes> Vault::seal_for(KeyPurpose purpose, const Cell& cell, ByteView plain) {
    if (plain.size() > sealed_bytes_max)
        return fail(Errc::too_large, "a value of more than 64 MiB is not sealed in one piece");
    WorkspaceKey* key = current(cell.workspace, purpose);
    if (key == nullptr)
        return fail(Errc::unavailable,
                    fmt::format("the workspace {} has no key yet", cell.workspace.text()));
    ++key->seals;
    const GcmNonce nonce = fresh_nonce();
    Bytes out(value_head_bytes + plain.size() + gcm_tag_bytes);
    out[0] = value_version;
    std::ranges::copy(key->id, out.begin() + 1);
    std::ranges::copy(nonce, out.begin() + 1 + sizeof(KeyId));
    key->cipher.seal(nonce, aad_of(value_version, cell, key->id).view(), plain,
                     out.data() + value_head_bytes);
    return out;
}

Result<Secret> Vault::open_for(KeyPurpose purpose, const Cell& cell, ByteView sealed) {
    const auto id = key_id_of(sealed);
    if (!id) return damaged(cell);
    const auto found = keys_.find(*id);
    if (found == keys_.end())
        return fail(
            Errc::unavailable,
            fmt::format("a value of {}.{} is sealed under the key {}, which is not here (it "
                        "was destroyed or never loaded)",
                        cell.table, cell.column, to_hex(*id)));
    WorkspaceKey& key = *found->second;
    if (key.workspace != cell.workspace || key.purpose != purpose) return damaged(cell);
    Bytes plain(sealed.size() - value_head_bytes - gcm_tag_bytes);
    const bool opened = key.cipher.open(nonce_at(sealed.subspan(1 + sizeof(KeyId))),
                                        aad_of(value_version, cell, *id).view(),
                                        sealed.subspan(value_head_bytes), plain.data());
    if (!opened) return damaged(cell);
    return Secret::take(std::move(plain));
}

Result<Bytes> Vault::seal(const Cell& cell, ByteView plain) {
    return seal_for(KeyPurpose::secrets, cell, plain);
}

Result<Secret> Vault::open(const Cell& cell, ByteView sealed) {
    return open_for(KeyPurpose::secrets, cell, sealed);
}

bool Vault::is_current(const Cell& cell, KeyPurpose purpose, ByteView sealed) const {
    const WorkspaceKey* key = current(cell.workspace, purpose);
    return key != nullptr && key_id_of(sealed) == key->id;
}

DataKey Vault::derive(ByteView data_key) {
    DataKey out;
    Digest digest = hmac_sha256(data_key, as_bytes("blotter payload cipher v1"));
    out.cipher_key_ = Secret::copy_of(digest);
    digest = hmac_sha256(data_key, as_bytes("blotter payload salt v1"));
    out.salt_key_ = Secret::copy_of(digest);
    wipe(digest.data(), digest.size());
    return out;
}

Result<NewDataKey> Vault::create_data_key(const Cell& cell) {
    std::array<std::uint8_t, aes_key_bytes> bytes;
    random_.fill(bytes);
    auto wrapped = seal_for(KeyPurpose::payloads, cell, bytes);
    DataKey key = derive(bytes);
    wipe(bytes.data(), bytes.size());
    if (!wrapped) return pass(std::move(wrapped).error());
    return NewDataKey{std::move(key), std::move(*wrapped)};
}

Result<DataKey> Vault::open_data_key(const Cell& cell, ByteView wrapped) {
    TRY(const Secret bytes, open_for(KeyPurpose::payloads, cell, wrapped));
    if (bytes.size() != aes_key_bytes) return damaged(cell);
    return derive(bytes.expose());
}

Result<Bytes> Vault::rewrap_data_key(const Cell& cell, ByteView wrapped) {
    TRY(const Secret bytes, open_for(KeyPurpose::payloads, cell, wrapped));
    return seal_for(KeyPurpose::payloads, cell, bytes.expose());
}

Bytes Vault::seal_payload(const DataKey& key, const Cell& cell, ByteView payload) {
    const GcmNonce nonce = fresh_nonce();
    Bytes out(payload_head_bytes + payload.size() + gcm_tag_bytes);
    out[0] = payload_version;
    std::ranges::copy(nonce, out.begin() + 1);
    payload_cipher_.rekey(key.cipher_key_.expose());
    payload_cipher_.seal(nonce, aad_of(payload_version, cell, {}).view(), payload,
                         out.data() + payload_head_bytes);
    return out;
}

Result<Bytes> Vault::open_payload(const DataKey& key, const Cell& cell, ByteView sealed) {
    if (sealed.size() < payload_head_bytes + gcm_tag_bytes || sealed[0] != payload_version)
        return damaged(cell);
    Bytes out(sealed.size() - payload_head_bytes - gcm_tag_bytes);
    payload_cipher_.rekey(key.cipher_key_.expose());
    const bool opened =
        payload_cipher_.open(nonce_at(sealed.subspan(1)), aad_of(payload_version, cell, {}).view(),
                             sealed.subspan(payload_head_bytes), out.data());
    if (!opened) return damaged(cell);
    return out;
}

Digest Vault::commit(const DataKey& key, ByteView payload) {
    hmac_.rekey(key.salt_key_.expose());
    hmac_.update(payload);
    return hmac_.finish();
}

}  // namespace blotter::security
