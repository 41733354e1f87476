#include "cli/signing.hpp"

#include "ledger/book.hpp"

namespace blotter::cli {

Result<ledger::SigningQuestion> signing_question(Installation& in, const ledger::LogState& state,
                                                 const store::LogRow& log) {
    ledger::SigningQuestion out;
    out.origin = log.origin;
    TRY(const std::int64_t size, store::log_size(in.db(), log.no));
    out.current_size = static_cast<std::uint64_t>(size);
    if (const auto known = state.find(log.origin); known != state.end()) {
        out.last_signed = known->second;
        if (out.current_size >= known->second.size) {
            ledger::StoredTiles tiles{in.db(), log.no};
            ledger::TileHashReader hashes{tiles, out.current_size};
            TRY(out.root_at_last_signed, ledger::tree_root(known->second.size, hashes));
        }
    }
    TRY(const auto stored, store::last_checkpoint(in.db(), log.no));
    if (stored)
        out.last_stored = ledger::TreeHead{static_cast<std::uint64_t>(stored->size), stored->root};
    return out;
}

Result<std::vector<StuckLog>> find_stuck_logs(Installation& in) {
    std::vector<StuckLog> out;
    // The file first: it is written ahead of the database.
    TRY(const ledger::LogState state, in.log_state());
    TRY(const auto logs, in.logs());
    for (const store::LogRow& log : logs) {
        if (log.closed_at) continue;
        TRY(const auto question, signing_question(in, state, log));
        auto answer = ledger::judge(question);
        if (answer.verdict == ledger::SigningVerdict::may_sign) continue;
        const auto head = question.last_signed ? question.last_signed : question.last_stored;
        out.push_back({log, head.value_or(ledger::TreeHead{}), std::move(answer)});
    }
    return out;
}

}  // namespace blotter::cli
