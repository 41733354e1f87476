#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "ledger/book.hpp"
#include "ledger/log_state.hpp"
#include "ledger/note.hpp"
#include "runtime/disk.hpp"
#include "store/reader.hpp"

namespace blotter::ledger {

/// Signs checkpoints, and never two that contradict each other: what was signed last is kept in a
/// file of its own, durable before a signature is shown to anybody. A database that is behind that
/// file was restored from a backup, and is refused at start.
///
/// `open` and `judge_all` at start, then one caller at a time; blocking, for offload threads.
class Sealer {
  public:
    struct Parts {
        runtime::Disk& disk;
        std::filesystem::path state_file;
        Bytes seed;  ///< of the signing key, 32 bytes
    };
    static Result<std::unique_ptr<Sealer>> open(Parts parts);

    /// Compares every log with what was signed last. Errc::precondition_failed with the words that
    /// say what happened and what to do.
    Result<> judge_all(sql::Connection& db);

    /// Signs the heads and makes them durable as signed. Gives rows for the store.
    Result<std::vector<store::CheckpointRow>> sign(const std::vector<LogHead>& heads,
                                                   Timestamp now);

    /// The verifier key text of a log: every log has its own name, all have the same key.
    Result<std::string> verifier_key(const std::string& origin) const;

    /// Forgets what was signed for a log that a fork closed. For the command line.
    Result<> forget(const std::string& origin);

  private:
    explicit Sealer(Parts parts) : parts_(std::move(parts)) {}
    Result<> save();

    Parts parts_;
    LogState state_;
};

}  // namespace blotter::ledger
