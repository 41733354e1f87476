#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ledger/note_key.hpp"

/// Signed notes (c2sp.org/signed-note), Ed25519 signatures of type 0x01. Pure.
namespace blotter::ledger {

/// The specification asks for room for 16 signatures of up to 5 kB.
inline constexpr std::size_t note_bytes_max = 256 * 1024;
inline constexpr std::size_t note_signatures_max = 100;
inline constexpr std::size_t key_name_bytes_max = 255;

/// One signature line. `bytes` is what follows the four bytes of the key id.
struct NoteSignature {
    std::string name;
    std::uint32_t key_id = 0;
    Bytes bytes;
    bool operator==(const NoteSignature&) const = default;
};

/// A note as read, nothing verified yet: its text (with the final newline) must not be used
/// before `open_note`.
struct UnverifiedNote {
    std::string text;
    std::vector<NoteSignature> signatures;
    bool operator==(const UnverifiedNote&) const = default;
};

/// Strict: UTF-8, no control characters, canonical base64, the limits above.
Result<UnverifiedNote> parse_note(std::string_view note);
/// Text, blank line, one line for each signature.
std::string to_text(const UnverifiedNote& note);

/// Not empty, UTF-8, no Unicode space, no plus, no control character.
Result<> check_key_name(std::string_view name);

/// A public key with its name: what a reader trusts. A value.
class NoteVerifier {
  public:
    /// `name` has passed check_key_name.
    NoteVerifier(std::string name, const Ed25519PublicKey& key);
    /// `<name>+<hex key id>+<base64 of 0x01 ‖ key>`; refuses anything not exactly as `text`
    /// writes it, other algorithms and a key id that does not belong to the key.
    static Result<NoteVerifier> parse(std::string_view verifier_key);

    const std::string& name() const { return name_; }
    std::uint32_t key_id() const { return key_id_; }
    const Ed25519PublicKey& key() const { return key_; }
    std::string text() const;
    bool verify(std::string_view note_text, ByteView signature) const;
    bool operator==(const NoteVerifier&) const = default;

  private:
    std::string name_;
    Ed25519PublicKey key_{};
    std::uint32_t key_id_ = 0;
};

/// A private key with its name. Moves, never copies. One thread at a time.
class NoteSigner {
  public:
    /// `invalid_argument` when the name cannot be a key name.
    static Result<NoteSigner> create(std::string name, Ed25519Seed seed);
    /// `PRIVATE+KEY+<name>+<hex key id>+<base64 of 0x01 ‖ seed>`. The error never shows the text.
    static Result<NoteSigner> parse(std::string_view signer_key);

    const NoteVerifier& verifier() const { return verifier_; }
    NoteSignature sign(std::string_view note_text) const;

  private:
    NoteSigner(std::string name, Ed25519Signer signer)
        : signer_(std::move(signer)), verifier_(std::move(name), signer_.public_key()) {}

    Ed25519Signer signer_;
    NoteVerifier verifier_;
};

/// The signer key text of a seed: a secret, for a file that only the operator can read.
Result<std::string> signer_key_text(std::string_view name, Ed25519Seed seed);

/// A note of which at least one known key vouches.
struct OpenedNote {
    std::string text;
    std::vector<NoteSignature> verified;
    /// By keys that were not given: neither trusted nor checked.
    std::vector<NoteSignature> unknown;
};

/// Checks the signatures. `bad_signature` when one of a known key is wrong or none is by a known
/// key; signatures by unknown keys are ignored.
Result<OpenedNote> open_note(std::string_view note, std::span<const NoteVerifier> known);

/// Signs a text, which must be valid note text ending in a newline.
Result<std::string> sign_note(std::string text, const NoteSigner& signer);
/// Adds a signature line (a second key, a witness); replaces one by the same name and key id.
Result<std::string> add_signature(std::string_view note, NoteSignature signature);

}  // namespace blotter::ledger
