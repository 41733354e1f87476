#pragma once

#include <vector>

#include "cli/installation.hpp"

namespace blotter::cli {

/// What the signer would be asked before it signs this log.
Result<ledger::SigningQuestion> signing_question(Installation& in, const ledger::LogState& state,
                                                 const store::LogRow& log);

/// A log that may not sign any more, and why.
struct StuckLog {
    store::LogRow log;
    ledger::TreeHead last_signed;
    ledger::SigningAnswer answer;
};
/// The open logs that the server would refuse to start with.
Result<std::vector<StuckLog>> find_stuck_logs(Installation& in);

}  // namespace blotter::cli
