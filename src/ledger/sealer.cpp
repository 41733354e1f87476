#include "ledger/sealer.hpp"

#include <fmt/format.h>

namespace blotter::ledger {
namespace {

Result<NoteSigner> signer_for(const Bytes& seed, const std::string& origin) {
    return NoteSigner::create(origin, std::span<const std::uint8_t, 32>{seed.data(), 32});
}

}  // namespace

Result<std::unique_ptr<Sealer>> Sealer::open(Parts parts) {
    if (parts.seed.size() != 32)
        return fail(Errc::internal, "the ledger's key is not 32 bytes long");
    std::unique_ptr<Sealer> out{new Sealer{std::move(parts)}};
    auto text = out->parts_.disk.read_all(out->parts_.state_file, log_state_bytes_max);
    if (!text && text.error().code == Errc::not_found) return out;
    if (!text) return pass(std::move(text).error());
    TRY(out->state_, decode_log_state(*text));
    return out;
}

Result<> Sealer::save() {
    return parts_.disk.replace(parts_.state_file, encode_log_state(state_));
}

Result<> Sealer::judge_all(sql::Connection& db) {
    std::int64_t after = 0;
    for (;;) {
        TRY(const auto page, store::list_logs(db, after, 500));
        for (const store::LogRow& log : page.rows) {
            after = log.no;
            if (log.closed_at) continue;
            SigningQuestion question;
            question.origin = log.origin;
            TRY(const std::int64_t size, store::log_size(db, log.no));
            question.current_size = static_cast<std::uint64_t>(size);
            if (const auto known = state_.find(log.origin); known != state_.end()) {
                question.last_signed = known->second;
                StoredTiles tiles{db, log.no};
                TileHashReader hashes{tiles, question.current_size};
                if (question.current_size >= known->second.size) {
                    TRY(question.root_at_last_signed, tree_root(known->second.size, hashes));
                }
            }
            TRY(const auto stored, store::last_checkpoint(db, log.no));
            if (stored)
                question.last_stored =
                    TreeHead{static_cast<std::uint64_t>(stored->size), stored->root};
            const SigningAnswer answer = judge(question);
            if (answer.verdict != SigningVerdict::may_sign)
                return fail(Errc::precondition_failed, answer.words);
        }
        if (!page.next) return {};
    }
}

Result<std::vector<store::CheckpointRow>> Sealer::sign(const std::vector<LogHead>& heads,
                                                       Timestamp now) {
    std::vector<store::CheckpointRow> out;
    for (const LogHead& log : heads) {
        const Checkpoint checkpoint{log.origin, log.head};
        const auto known = state_.find(log.origin);
        if (known != state_.end() && known->second.size >= log.head.size) continue;
        CHECK(advance(state_, checkpoint));
        TRY(const NoteSigner signer, signer_for(parts_.seed, log.origin));
        TRY(std::string note, sign_checkpoint(checkpoint, signer));
        out.push_back({log.log_no, static_cast<std::int64_t>(log.head.size), log.head.root,
                       std::move(note), now});
    }
    // Durable first: only then may anybody see a signature.
    if (!out.empty()) CHECK(save());
    return out;
}

Result<std::string> Sealer::verifier_key(const std::string& origin) const {
    TRY(const NoteSigner signer, signer_for(parts_.seed, origin));
    return signer.verifier().text();
}

Result<> Sealer::forget(const std::string& origin) {
    state_.erase(origin);
    return save();
}

}  // namespace blotter::ledger
