// Proof files: whatever else they say, what they prove is in the log.
#include <algorithm>

#include "fuzz/target.hpp"
#include "ledger/proof.hpp"
#include "ledger/test_log.hpp"

namespace blotter::fuzz {
namespace {

using namespace ledger;
using namespace ledger::testing_log;

TestLog& log() {
    static TestLog made{23};
    return made;
}

bool is_in_log(const Bytes& entry) {
    return std::ranges::find(log().stored, entry) != log().stored.end();
}

void check_text(std::string_view text) {
    const auto proof = parse_proof(text);
    if (proof) INVARIANT(to_text(*proof) == text && proof->hashes.size() <= proof_hashes_max);
    const auto entry = verify_proof_text(text, test_signer().verifier());
    if (!entry) return;
    INVARIANT(proof && proof->extra == *entry);
    const auto checkpoint = verify_proof(*proof, *entry, test_signer().verifier());
    INVARIANT(checkpoint);
    // The key signs other logs of this file's corpus, too: only this one's content is known.
    if (checkpoint->head == log().frontier.head()) {
        INVARIANT(is_in_log(*entry) && proof->index < log().stored.size());
        INVARIANT(log().stored[proof->index] == *entry);
    }
}

/// A genuine proof with one byte of it changed proves the same or nothing.
void check_changed(std::string_view input) {
    Draw draw{input};
    const std::uint64_t index = draw.below(log().stored.size());
    const LogProof genuine{
        .extra = log().stored[index],
        .index = index,
        .hashes = prove_inclusion(index, log().stored.size(), log()).value(),
        .checkpoint = log().checkpoint_note().value(),
    };
    std::string text = to_text(genuine);
    INVARIANT(verify_proof_text(text, test_signer().verifier()).value() == log().stored[index]);
    text[draw.below(text.size())] ^= static_cast<char>(1 + draw.below(255));
    if (const auto entry = verify_proof_text(text, test_signer().verifier()))
        INVARIANT(*entry == log().stored[index]);
}

void check_leaf(std::string_view text) {
    const auto leaf = parse_entry(as_bytes(text));
    if (!leaf) return;
    const auto entry = to_entry(*leaf);
    INVARIANT(entry && as_text(*entry) == text);
    INVARIANT(parse_entry(*entry).value() == *leaf);
    if (const auto named = checkpoint_in(*leaf)) INVARIANT(named->head.size <= log_entries_max);
}

}  // namespace

void run(std::string_view input) {
    check_text(input);
    check_changed(input);
    check_leaf(input);
}

}  // namespace blotter::fuzz
