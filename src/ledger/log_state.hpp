#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "ledger/checkpoint.hpp"

/// The guard against signing a fork: what each log signed last, kept outside the database, so
/// that a database restored from a backup cannot make the log contradict itself. Pure; the caller
/// writes the file (write a new one, fsync, rename, fsync the folder) before it hands out a
/// signature, and reads it before it signs.
namespace blotter::ledger {

inline constexpr std::size_t log_state_logs_max = 100'000;
inline constexpr std::size_t log_state_bytes_max = 64 * 1024 * 1024;

/// The last signed head of each log, by origin.
using LogState = std::map<std::string, TreeHead, std::less<>>;

/// The file: "blotter-log-state v1", a line `<size> <hex root> <origin>` for each log in the order
/// of the origins, and `sha256 <hex>` over everything before that line.
std::string encode_log_state(const LogState& state);
/// `corrupt` when it is not exactly what `encode_log_state` writes. A damaged file must stop the
/// signing: treating it as empty would defeat its purpose.
Result<LogState> decode_log_state(std::string_view file);

/// Takes a new head in. `conflict` when that would take a log back or replace a root.
Result<> advance(LogState& state, const Checkpoint& signed_checkpoint);

enum class SigningVerdict : std::uint8_t {
    may_sign,
    /// The database has fewer entries than were signed: it was restored from a backup.
    behind,
    /// The database has other entries than were signed.
    forked,
    /// The database knows signed checkpoints, and the state file knows nothing of this log.
    state_lost,
};

/// What the caller sees before signing a log.
struct SigningQuestion {
    std::string origin;
    /// From the state file; none when it knows nothing of this log.
    std::optional<TreeHead> last_signed;
    /// What the database has now.
    std::uint64_t current_size = 0;
    /// The root over the database's first `last_signed->size` entries (`tree_root`); not needed
    /// when there are fewer entries or nothing was signed.
    std::optional<Digest> root_at_last_signed;
    /// The newest signed checkpoint that the database itself remembers, if any.
    std::optional<TreeHead> last_stored;
};

struct SigningAnswer {
    SigningVerdict verdict = SigningVerdict::may_sign;
    /// What is wrong and what to do, for the operator. Empty when the log may sign.
    std::string words;
};

/// Whether a checkpoint of the current tree may be signed. Ask again before every signature.
SigningAnswer judge(const SigningQuestion& question);

}  // namespace blotter::ledger
