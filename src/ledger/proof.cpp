#include "ledger/proof.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace blotter::ledger {
namespace {

constexpr std::string_view header_line = "c2sp.org/tlog-proof@v1";
constexpr std::string_view extra_prefix = "extra ";
constexpr std::string_view index_prefix = "index ";

std::unexpected<Error> malformed(std::string_view what) {
    return fail(Errc::malformed, "not a log proof: " + std::string{what});
}

std::optional<std::string_view> take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

Result<std::uint64_t> parse_index(std::optional<std::string_view> line) {
    if (!line || !line->starts_with(index_prefix)) return malformed("there is no index line");
    const std::string_view number = line->substr(index_prefix.size());
    std::uint64_t index = 0;
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, index);
    const bool exact = error == std::errc{} && stop == end && (number == "0" || number[0] != '0');
    if (!exact || index >= log_entries_max)
        return malformed("the index is not a decimal number without leading zeroes below 2^62");
    return index;
}

}  // namespace

std::string to_text(const LogProof& proof) {
    std::string out = fmt::format("{}\n", header_line);
    if (proof.extra) out += fmt::format("{}{}\n", extra_prefix, to_base64(*proof.extra));
    out += fmt::format("{}{}\n", index_prefix, proof.index);
    for (const Digest& hash : proof.hashes) out += to_base64(hash) + '\n';
    return out + '\n' + proof.checkpoint;
}

Result<LogProof> parse_proof(std::string_view text) {
    if (text.size() > proof_bytes_max)
        return fail(Errc::too_large, fmt::format("a proof has at most {} bytes, this one {}",
                                                 proof_bytes_max, text.size()));
    if (take_line(text) != header_line)
        return malformed(fmt::format("the first line is not '{}'", header_line));
    LogProof out;
    if (text.starts_with(extra_prefix)) {
        const auto line = take_line(text);
        if (!line) return malformed("the extra line has no end");
        auto extra = from_base64(line->substr(extra_prefix.size()));
        if (!extra || extra->size() > proof_extra_bytes_max)
            return malformed("the extra line is not base64 or is too long");
        out.extra = std::move(*extra);
    }
    TRY(out.index, parse_index(take_line(text)));
    while (true) {
        const auto line = take_line(text);
        if (!line) return malformed("no empty line follows the hashes");
        if (line->empty()) break;
        const auto hash = from_base64(*line);
        if (!hash || hash->size() != sizeof(Digest))
            return malformed(
                fmt::format("hash line {} is not the base64 of 32 bytes", out.hashes.size() + 1));
        if (out.hashes.size() == proof_hashes_max)
            return malformed(fmt::format("more than {} hashes", proof_hashes_max));
        std::ranges::copy(*hash, out.hashes.emplace_back().begin());
    }
    if (text.empty()) return malformed("there is no checkpoint");
    out.checkpoint = text;
    return out;
}

Result<Checkpoint> verify_proof(const LogProof& proof, ByteView entry,
                                const NoteVerifier& log_key) {
    TRY(SignedCheckpoint opened, open_checkpoint(proof.checkpoint, log_key));
    CHECK(verify_inclusion(opened.checkpoint.head, proof.index, leaf_hash(entry), proof.hashes));
    return std::move(opened.checkpoint);
}

Result<Bytes> verify_proof_text(std::string_view text, const NoteVerifier& log_key) {
    TRY(LogProof proof, parse_proof(text));
    if (!proof.extra)
        return fail(Errc::invalid_argument,
                    "the proof does not carry its entry: verify it together with the entry");
    CHECK(verify_proof(proof, *proof.extra, log_key));
    return std::move(*proof.extra);
}

}  // namespace blotter::ledger
