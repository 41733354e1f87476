#include "ledger/log_state.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace blotter::ledger {
namespace {

constexpr std::string_view header_line = "blotter-log-state v1\n";
constexpr std::string_view sum_prefix = "sha256 ";
constexpr std::size_t sum_line_bytes = sum_prefix.size() + 64 + 1;

std::unexpected<Error> corrupt(std::string_view what) {
    return fail(
        Errc::corrupt,
        fmt::format("the file of last signed checkpoints is damaged ({}). Do not delete it: "
                    "restore it from a copy, or start a new log with `blotter ledger fork`",
                    what));
}

Result<> parse_line(std::string_view line, LogState& state) {
    const std::size_t first = line.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) return corrupt("a line has fewer than three parts");
    TreeHead head;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + first, head.size);
    if (error != std::errc{} || stop != line.data() + first) return corrupt("a size is no number");
    const auto root = from_hex(line.substr(first + 1, second - first - 1));
    if (!root || root->size() != head.root.size()) return corrupt("a root is not 64 hex digits");
    std::ranges::copy(*root, head.root.begin());
    state.insert_or_assign(std::string{line.substr(second + 1)}, head);
    return {};
}

constexpr std::string_view way_out =
    "Restore the newest database, or, if what is missing is lost for good, run "
    "`blotter ledger fork --reason \"…\"`: it starts a new log whose first entry names the old "
    "checkpoint";

}  // namespace

std::string encode_log_state(const LogState& state) {
    std::string out{header_line};
    for (const auto& [origin, head] : state)
        out += fmt::format("{} {} {}\n", head.size, to_hex(head.root), origin);
    return out + fmt::format("{}{}\n", sum_prefix, to_hex(sha256(out)));
}

Result<LogState> decode_log_state(std::string_view file) {
    if (file.size() > log_state_bytes_max) return corrupt("it is larger than 64 MiB");
    if (!file.starts_with("blotter-log-state ")) return corrupt("its first line is another one");
    if (!file.starts_with(header_line))
        return fail(Errc::corrupt,
                    "the file of last signed checkpoints has a version that this "
                    "program does not know: use the program that wrote it");
    if (file.size() < header_line.size() + sum_line_bytes) return corrupt("it is cut short");
    const std::string_view body = file.substr(0, file.size() - sum_line_bytes);
    if (file.substr(body.size()) != fmt::format("{}{}\n", sum_prefix, to_hex(sha256(body))))
        return corrupt("its checksum does not match");
    LogState state;
    for (std::string_view rest = body.substr(header_line.size()); !rest.empty();) {
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos) return corrupt("a line has no end");
        if (state.size() == log_state_logs_max) return corrupt("it names too many logs");
        CHECK(parse_line(rest.substr(0, end), state));
        rest.remove_prefix(end + 1);
    }
    if (encode_log_state(state) != file) return corrupt("its lines are not in canonical form");
    return state;
}

Result<> advance(LogState& state, const Checkpoint& signed_checkpoint) {
    const std::string& origin = signed_checkpoint.origin;
    if (origin.empty() || origin.contains('\n'))
        return fail(Errc::invalid_argument, "the origin of a log is one line of text");
    const TreeHead& head = signed_checkpoint.head;
    const auto [place, inserted] = state.try_emplace(origin, head);
    if (inserted) {
        if (state.size() <= log_state_logs_max) return {};
        state.erase(place);
        return fail(Errc::too_large,
                    fmt::format("more than {} logs on one signer", log_state_logs_max));
    }
    TreeHead& last = place->second;
    if (head.size < last.size || (head.size == last.size && head.root != last.root))
        return fail(Errc::conflict,
                    fmt::format("the log {} signed {} entries already: a checkpoint of {} would "
                                "contradict it",
                                origin, last.size, head.size));
    last = head;
    return {};
}

SigningAnswer judge(const SigningQuestion& question) {
    const auto& last = question.last_signed;
    if (!last) {
        if (!question.last_stored) return {};
        return {SigningVerdict::state_lost,
                fmt::format("The database holds a signed checkpoint of {} with {} entries, but the "
                            "file of last signed checkpoints does not know that log: the file is "
                            "missing or another one. Nothing is signed until it is back, because a "
                            "second history could not be noticed. Restore the file. {}.",
                            question.origin, question.last_stored->size, way_out)};
    }
    if (question.current_size < last->size)
        return {SigningVerdict::behind,
                fmt::format("The log {} has {} entries, but {} were signed: the database is older "
                            "than the last signed checkpoint, probably restored from a backup. "
                            "Nothing is signed until then. {}.",
                            question.origin, question.current_size, last->size, way_out)};
    INVARIANT(question.root_at_last_signed.has_value());
    if (*question.root_at_last_signed != last->root)
        return {SigningVerdict::forked,
                fmt::format("The first {} entries of the log {} are not those that were signed "
                            "(root {} instead of {}): entries were changed, or a restored database "
                            "went on without them. Nothing is signed. Keep this database for the "
                            "investigation. {}.",
                            last->size, question.origin, to_hex(*question.root_at_last_signed),
                            to_hex(last->root), way_out)};
    return {};
}

}  // namespace blotter::ledger
