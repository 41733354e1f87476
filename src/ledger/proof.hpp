#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ledger/checkpoint.hpp"
#include "ledger/merkle.hpp"

/// Proof files (c2sp.org/tlog-proof): that an entry is in a log, checkable offline and without
/// Blotter. Stored with the extension `.tlog-proof`. Pure.
namespace blotter::ledger {

inline constexpr std::size_t proof_extra_bytes_max = 65'535;
inline constexpr std::size_t proof_bytes_max = 512 * 1024;

/// A proof file's content. Nothing in it is believed before `verify_proof`.
struct LogProof {
    /// Opaque and not authenticated by itself. We put the entry here, so that the file alone is
    /// enough: its hash is what the proof proves.
    std::optional<Bytes> extra;
    std::uint64_t index = 0;
    std::vector<Digest> hashes;
    /// The signed note, verbatim.
    std::string checkpoint;
    bool operator==(const LogProof&) const = default;
};

std::string to_text(const LogProof& proof);
/// Strict; the checkpoint is only split off, `verify_proof` opens it.
Result<LogProof> parse_proof(std::string_view text);

/// Proves that `entry` is in the log of `log_key` and returns the checkpoint that vouches for it.
/// `bad_signature` says which of the steps failed.
Result<Checkpoint> verify_proof(const LogProof& proof, ByteView entry, const NoteVerifier& log_key);

/// The same for a file that carries its entry: returns the entry that is proven to be in the log.
Result<Bytes> verify_proof_text(std::string_view text, const NoteVerifier& log_key);

}  // namespace blotter::ledger
