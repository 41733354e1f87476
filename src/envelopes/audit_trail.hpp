#pragma once

#include <string>

#include "base/result.hpp"
#include "model/envelope.hpp"

namespace blotter::envelopes {

/// Whether a checkpoint covers every event of the envelope so far.
enum class Coverage : std::uint8_t { all, part };

/// What the audit trail says beyond the envelope itself.
struct AuditTrailContext {
    Timestamp written_at;
    std::string workspace;   ///< the sender's name
    std::string origin;      ///< of the workspace's ledger
    std::string checkpoint;  ///< a signed note, or empty
    std::string version;     ///< of the program
    Coverage coverage = Coverage::all;
};

/// Writes the audit trail of an envelope that everybody has signed, as a PDF: title, level, who
/// was how identified and when they acted from where, the files with their SHA-256, the event log
/// and the ledger's checkpoint. It says plainly that it is not a qualified electronic document.
/// Slow (some milliseconds): for offload threads. Thread-safe.
Result<std::string> write_audit_trail(const Envelope& envelope, const AuditTrailContext& context);

}  // namespace blotter::envelopes
