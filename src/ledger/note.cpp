#include "ledger/note.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/invariant.hpp"
#include "base/utf8.hpp"

namespace blotter::ledger {
namespace {

constexpr std::string_view signature_prefix = "\u2014 ";  // em dash, space
constexpr std::uint8_t type_ed25519 = 0x01;

std::unexpected<Error> malformed(std::string_view what) {
    return fail(Errc::malformed, "not a signed note: " + std::string{what});
}

/// The White_Space characters of Unicode, in UTF-8.
constexpr std::array<std::string_view, 25> unicode_spaces = {
    "\t",     "\n",     "\v",     "\f",     "\r",     " ",      "\u0085", "\u00a0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
    "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

std::uint32_t read_uint32(ByteView bytes) {
    return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
           static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
}

Bytes with_type(std::span<const std::uint8_t, 32> key) {
    Bytes out{type_ed25519};
    out.insert(out.end(), key.begin(), key.end());
    return out;
}

std::uint32_t key_id_of(std::string_view name, const Ed25519PublicKey& key) {
    std::string input{name};
    input += '\n';
    input += as_text(with_type(key));
    return read_uint32(sha256(input));
}

Result<NoteSignature> parse_signature_line(std::string_view line) {
    if (!line.starts_with(signature_prefix))
        return malformed("a line below the last blank line does not start with an em dash");
    line.remove_prefix(signature_prefix.size());
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return malformed("a signature line has no signature");
    NoteSignature out;
    out.name = line.substr(0, space);
    if (!check_key_name(out.name)) return malformed("a signature line has no valid key name");
    const auto raw = from_base64(line.substr(space + 1));
    if (!raw) return malformed("a signature is not base64: " + raw.error().detail);
    if (raw->size() < 5) return malformed("a signature is too short");
    out.key_id = read_uint32(*raw);
    out.bytes.assign(raw->begin() + 4, raw->end());
    return out;
}

Result<> check_text(std::string_view text) {
    if (text.size() > note_bytes_max)
        return fail(Errc::too_large, fmt::format("a note has at most {} bytes, this one {}",
                                                 note_bytes_max, text.size()));
    if (!text.ends_with('\n')) return malformed("the text does not end in a newline");
    if (const auto bad = find_invalid_utf8(text))
        return malformed(fmt::format("byte {} is not valid UTF-8", *bad));
    for (std::size_t i = 0; i < text.size(); ++i)
        if (static_cast<unsigned char>(text[i]) < 0x20 && text[i] != '\n')
            return malformed(fmt::format("byte {} is a control character", i));
    return {};
}

}  // namespace

Result<> check_key_name(std::string_view name) {
    const auto refuse = [](std::string_view why) {
        return fail(Errc::invalid_argument, fmt::format("a key name {}", why));
    };
    if (name.empty()) return refuse("must not be empty");
    if (name.size() > key_name_bytes_max)
        return refuse(fmt::format("has at most {} bytes", key_name_bytes_max));
    if (find_invalid_utf8(name)) return refuse("must be valid UTF-8");
    if (name.contains('+')) return refuse("must not hold a plus");
    if (std::ranges::any_of(name, [](unsigned char c) { return c < 0x20; }))
        return refuse("must not hold a control character");
    for (const std::string_view space : unicode_spaces)
        if (name.contains(space)) return refuse("must not hold a space");
    return {};
}

Result<UnverifiedNote> parse_note(std::string_view note) {
    CHECK(check_text(note));
    const std::size_t blank = note.rfind("\n\n");
    if (blank == std::string_view::npos) return malformed("no blank line ends the text");
    UnverifiedNote out;
    out.text = note.substr(0, blank + 1);
    std::string_view lines = note.substr(blank + 2);
    if (lines.empty()) return malformed("there is no signature");
    while (!lines.empty()) {
        if (out.signatures.size() == note_signatures_max)
            return malformed(fmt::format("more than {} signatures", note_signatures_max));
        const std::size_t end = lines.find('\n');
        TRY(auto signature, parse_signature_line(lines.substr(0, end)));
        out.signatures.push_back(std::move(signature));
        lines.remove_prefix(end + 1);
    }
    return out;
}

std::string to_text(const UnverifiedNote& note) {
    std::string out = note.text + '\n';
    for (const NoteSignature& signature : note.signatures) {
        Bytes raw;
        for (int shift = 24; shift >= 0; shift -= 8)
            raw.push_back(static_cast<std::uint8_t>(signature.key_id >> shift));
        raw.insert(raw.end(), signature.bytes.begin(), signature.bytes.end());
        out += fmt::format("{}{} {}\n", signature_prefix, signature.name, to_base64(raw));
    }
    return out;
}

NoteVerifier::NoteVerifier(std::string name, const Ed25519PublicKey& key)
    : name_(std::move(name)), key_(key), key_id_(key_id_of(name_, key)) {
    INVARIANT(check_key_name(name_).has_value());
}

std::string NoteVerifier::text() const {
    return fmt::format("{}+{:08x}+{}", name_, key_id_, to_base64(with_type(key_)));
}

bool NoteVerifier::verify(std::string_view note_text, ByteView signature) const {
    return ed25519_verify(key_, as_bytes(note_text), signature);
}

namespace {

/// The three parts that verifier and signer keys share.
struct KeyParts {
    std::string name;
    std::string_view key_id;
    Bytes key;
};

Result<KeyParts> split_key(std::string_view text) {
    const std::size_t first = text.find('+');
    const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
    if (second == std::string_view::npos)
        return fail(Errc::malformed, "a note key has the form <name>+<key id>+<base64>");
    KeyParts parts{
        std::string{text.substr(0, first)}, text.substr(first + 1, second - first - 1), {}};
    CHECK(check_key_name(parts.name));
    const auto raw = from_base64(text.substr(second + 1));
    if (!raw) return fail(Errc::malformed, "the last part of a note key is not base64");
    if (raw->empty() || raw->front() != type_ed25519)
        return fail(Errc::malformed, "the note key is not of type 0x01 (Ed25519)");
    if (raw->size() != 33) return fail(Errc::malformed, "an Ed25519 note key holds 1 + 32 bytes");
    parts.key.assign(raw->begin() + 1, raw->end());
    return parts;
}

constexpr std::string_view signer_prefix = "PRIVATE+KEY+";

}  // namespace

Result<NoteVerifier> NoteVerifier::parse(std::string_view verifier_key) {
    TRY(KeyParts parts, split_key(verifier_key));
    Ed25519PublicKey key;
    std::ranges::copy(parts.key, key.begin());
    NoteVerifier out{std::move(parts.name), key};
    if (out.text() != verifier_key)
        return fail(Errc::malformed,
                    fmt::format("the key id of the verifier key should be {:08x}: the name, the id "
                                "or the key was changed",
                                out.key_id()));
    return out;
}

Result<NoteSigner> NoteSigner::create(std::string name, Ed25519Seed seed) {
    CHECK(check_key_name(name));
    return NoteSigner{std::move(name), Ed25519Signer{seed}};
}

Result<NoteSigner> NoteSigner::parse(std::string_view signer_key) {
    if (!signer_key.starts_with(signer_prefix))
        return fail(Errc::malformed, "a signer key starts with PRIVATE+KEY+");
    TRY(KeyParts parts, split_key(signer_key.substr(signer_prefix.size())));
    auto signer = create(std::move(parts.name), Ed25519Seed{parts.key});
    wipe(parts.key);
    if (signer && fmt::format("{:08x}", signer->verifier().key_id()) != parts.key_id)
        return fail(Errc::malformed, "the key id of the signer key does not belong to its key");
    return signer;
}

NoteSignature NoteSigner::sign(std::string_view note_text) const {
    const Ed25519Signature signature = signer_.sign(as_bytes(note_text));
    return {verifier_.name(), verifier_.key_id(), Bytes(signature.begin(), signature.end())};
}

Result<std::string> signer_key_text(std::string_view name, Ed25519Seed seed) {
    TRY(const NoteSigner signer, NoteSigner::create(std::string{name}, seed));
    Bytes raw = with_type(seed);
    std::string out = fmt::format("{}{}+{:08x}+{}", signer_prefix, name, signer.verifier().key_id(),
                                  to_base64(raw));
    wipe(raw);
    return out;
}

Result<OpenedNote> open_note(std::string_view note, std::span<const NoteVerifier> known) {
    TRY(UnverifiedNote parsed, parse_note(note));
    OpenedNote out{std::move(parsed.text), {}, {}};
    for (NoteSignature& signature : parsed.signatures) {
        const auto key = std::ranges::find_if(known, [&](const NoteVerifier& verifier) {
            return verifier.key_id() == signature.key_id && verifier.name() == signature.name;
        });
        if (key == known.end()) {
            out.unknown.push_back(std::move(signature));
            continue;
        }
        if (!key->verify(out.text, signature.bytes))
            return fail(Errc::bad_signature,
                        fmt::format("the signature of {}+{:08x} does not match the text",
                                    signature.name, signature.key_id));
        out.verified.push_back(std::move(signature));
    }
    if (out.verified.empty())
        return fail(Errc::bad_signature, "no signature of the note is by a known key");
    return out;
}

Result<std::string> sign_note(std::string text, const NoteSigner& signer) {
    CHECK(check_text(text));
    NoteSignature signature = signer.sign(text);
    return to_text(UnverifiedNote{std::move(text), {std::move(signature)}});
}

Result<std::string> add_signature(std::string_view note, NoteSignature signature) {
    CHECK(check_key_name(signature.name));
    TRY(UnverifiedNote parsed, parse_note(note));
    std::erase_if(parsed.signatures, [&](const NoteSignature& old) {
        return old.key_id == signature.key_id && old.name == signature.name;
    });
    parsed.signatures.push_back(std::move(signature));
    return to_text(parsed);
}

}  // namespace blotter::ledger
