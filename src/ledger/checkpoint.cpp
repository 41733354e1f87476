#include "ledger/checkpoint.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace blotter::ledger {
namespace {

std::unexpected<Error> malformed(std::string_view what) {
    return fail(Errc::malformed, "not a checkpoint: " + std::string{what});
}

/// Takes one line off the front; empty when there is none, which no line of a checkpoint may be.
std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

Result<std::uint64_t> parse_size(std::string_view line) {
    std::uint64_t size = 0;
    const char* end = line.data() + line.size();
    const auto [stop, error] = std::from_chars(line.data(), end, size);
    const bool exact = error == std::errc{} && stop == end && (line == "0" || line[0] != '0');
    if (!exact || size > log_entries_max)
        return malformed(
            "the second line is no tree size (decimal, no leading zero, at most 2^62)");
    return size;
}

}  // namespace

std::string to_text(const Checkpoint& checkpoint) {
    std::string out = fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.head.size,
                                  to_base64(checkpoint.head.root));
    for (const std::string& line : checkpoint.extensions) out += line + '\n';
    return out;
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
    Checkpoint out;
    out.origin = take_line(text);
    if (out.origin.empty()) return malformed("the first line, the origin, is empty");
    TRY(out.head.size, parse_size(take_line(text)));
    const auto root = from_base64(take_line(text));
    if (!root || root->size() != out.head.root.size())
        return malformed("the third line is not the base64 of a 32-byte root");
    std::ranges::copy(*root, out.head.root.begin());
    if (out.head.size == 0 && out.head.root != empty_tree_root())
        return malformed("the root of an empty tree must be the SHA-256 of nothing");
    while (!text.empty()) {
        if (out.extensions.size() == checkpoint_extensions_max)
            return malformed(
                fmt::format("more than {} extension lines", checkpoint_extensions_max));
        const std::string_view line = take_line(text);
        if (line.empty()) return malformed("an extension line is empty or has no newline");
        out.extensions.emplace_back(line);
    }
    return out;
}

Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer) {
    if (signer.verifier().name() != checkpoint.origin)
        return fail(Errc::invalid_argument,
                    fmt::format("the key named '{}' cannot sign for the log '{}'",
                                signer.verifier().name(), checkpoint.origin));
    std::string text = to_text(checkpoint);
    CHECK(parse_checkpoint(text));
    return sign_note(std::move(text), signer);
}

Result<SignedCheckpoint> open_checkpoint(std::string_view note, const NoteVerifier& log_key) {
    TRY(OpenedNote opened, open_note(note, {&log_key, 1}));
    TRY(Checkpoint checkpoint, parse_checkpoint(opened.text));
    if (checkpoint.origin != log_key.name())
        return fail(Errc::bad_signature,
                    fmt::format("the checkpoint is of the log '{}', but the key is of '{}'",
                                checkpoint.origin, log_key.name()));
    return SignedCheckpoint{std::move(checkpoint), std::move(opened.unknown)};
}

}  // namespace blotter::ledger
