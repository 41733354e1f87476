#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "ledger/merkle.hpp"
#include "ledger/note.hpp"

/// Checkpoints (c2sp.org/tlog-checkpoint): what a log signs. Pure.
namespace blotter::ledger {

inline constexpr std::size_t checkpoint_extensions_max = 16;

/// The text of a checkpoint. The origin names the log and is the name of its key.
struct Checkpoint {
    std::string origin;
    TreeHead head;
    /// Opaque lines; we write none, because no monitor can audit them.
    std::vector<std::string> extensions{};
    bool operator==(const Checkpoint&) const = default;
};

/// Origin, size, root and extensions, a line each.
std::string to_text(const Checkpoint& checkpoint);
/// Strict: refuses leading zeroes, a root that is not 32 bytes, empty lines, and an empty tree
/// whose root is not that of the empty tree.
Result<Checkpoint> parse_checkpoint(std::string_view text);

/// The signed note. The signer's name must be the origin. Call `judge` (log_state.hpp) and make
/// the new state durable before this: a signature cannot be taken back.
Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer);

/// A checkpoint that the log's key signed.
struct SignedCheckpoint {
    Checkpoint checkpoint;
    /// Signatures by keys other than the log's (witnesses), not checked.
    std::vector<NoteSignature> others;
};

/// Verifies a note as a checkpoint of the log that `log_key` belongs to.
Result<SignedCheckpoint> open_checkpoint(std::string_view note, const NoteVerifier& log_key);

}  // namespace blotter::ledger
