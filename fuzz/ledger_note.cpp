// Signed notes, checkpoints and keys: what opens is what the key's owner signed, byte for byte.
#include <algorithm>

#include "base/utf8.hpp"
#include "fuzz/target.hpp"
#include "ledger/test_log.hpp"

namespace blotter::fuzz {
namespace {

using namespace ledger;
using namespace ledger::testing_log;

void check_parsed(std::string_view text) {
    const auto note = parse_note(text);
    if (!note) return;
    INVARIANT(to_text(*note) == text && !find_invalid_utf8(text));
    INVARIANT(note->text.ends_with('\n') && !note->signatures.empty());
    INVARIANT(note->signatures.size() <= note_signatures_max && text.size() <= note_bytes_max);
    for (const NoteSignature& signature : note->signatures)
        INVARIANT(check_key_name(signature.name));
    // A second signature never changes what was signed.
    const auto more = add_signature(text, test_signer().sign(note->text));
    if (!more) return;
    const auto again = parse_note(*more);
    INVARIANT(again && again->text == note->text);
    INVARIANT(std::ranges::count(again->signatures, test_signer().sign(note->text)) >= 1);
}

void check_opened(std::string_view text) {
    const NoteVerifier known[] = {test_signer().verifier()};
    const auto opened = open_note(text, known);
    if (!opened) return;
    // Ed25519 is deterministic: one text, one signature.
    const NoteSignature genuine = test_signer().sign(opened->text);
    INVARIANT(!opened->verified.empty());
    for (const NoteSignature& signature : opened->verified) INVARIANT(signature == genuine);
    INVARIANT(text.starts_with(opened->text + "\n"));
    for (const NoteSignature& signature : opened->unknown)
        INVARIANT(signature.name != known[0].name() || signature.key_id != known[0].key_id());
}

void check_checkpoint(std::string_view text) {
    if (const auto signed_one = open_checkpoint(text, test_signer().verifier())) {
        INVARIANT(signed_one->checkpoint.origin == test_origin);
        INVARIANT(text.starts_with(to_text(signed_one->checkpoint) + "\n"));
    }
    const auto checkpoint = parse_checkpoint(text);
    if (!checkpoint) return;
    INVARIANT(to_text(*checkpoint) == text && checkpoint->head.size <= log_entries_max);
    if (checkpoint->origin != test_origin) return;
    const auto note = sign_checkpoint(*checkpoint, test_signer());
    // What no note may say is refused when it is signed, not before.
    const bool is_text =
        !find_invalid_utf8(text) &&
        std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 && c != '\n'; });
    INVARIANT(note.has_value() == is_text);
    if (!note) return;
    const auto opened = open_checkpoint(*note, test_signer().verifier());
    INVARIANT(opened && opened->checkpoint == *checkpoint && opened->others.empty());
}

void check_keys(std::string_view text) {
    if (const auto verifier = NoteVerifier::parse(text)) INVARIANT(verifier->text() == text);
    if (const auto signer = NoteSigner::parse(text)) {
        INVARIANT(NoteVerifier::parse(signer->verifier().text()).value() == signer->verifier());
        const NoteSignature signature = signer->sign("text\n");
        INVARIANT(signer->verifier().verify("text\n", signature.bytes));
    }
}

}  // namespace

void run(std::string_view input) {
    check_parsed(input);
    check_opened(input);
    check_checkpoint(input);
    check_keys(input);
}

}  // namespace blotter::fuzz
