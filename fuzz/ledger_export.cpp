// An export that somebody changed: every change is found. The input is a list of changes, a line
// each: FILE OFFSET BYTE, or "cut FILE SIZE", "add FILE TEXT", "remove FILE", "swap FILE FILE".
#include <algorithm>
#include <charconv>

#include "fuzz/target.hpp"
#include "ledger/test_log.hpp"
#include "ledger/tiles.hpp"

namespace blotter::fuzz {
namespace {

using namespace ledger;
using namespace ledger::testing_log;

const MemoryFiles& genuine() {
    static const MemoryFiles made = [] {
        TestLog log{300};
        MemoryFiles out;
        INVARIANT(export_log(log, out));
        return out;
    }();
    return made;
}

std::size_t number(std::string_view text) {
    std::size_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

Bytes* file_of(MemoryFiles& files, std::string_view name) {
    if (files.files.empty()) return nullptr;
    const auto found = files.files.find(std::string{name});
    if (found != files.files.end()) return &found->second;
    return &std::next(files.files.begin(),
                      static_cast<std::ptrdiff_t>(Draw{name}.below(files.files.size())))
                ->second;
}

void change(MemoryFiles& files, std::string_view line) {
    const std::string_view verb = take_until(line, ' ');
    const bool is_byte = verb != "cut" && verb != "add" && verb != "remove" && verb != "swap";
    const std::string_view name = is_byte ? verb : take_until(line, ' ');
    Bytes* bytes = file_of(files, name);
    if (bytes == nullptr) return;
    if (verb == "cut") {
        bytes->resize(std::min(bytes->size(), number(line)));
    } else if (verb == "add") {
        bytes->insert(bytes->end(), line.begin(), line.end());
    } else if (verb == "remove") {
        std::erase_if(files.files, [&](const auto& file) { return &file.second == bytes; });
    } else if (verb == "swap") {
        std::swap(*bytes, *file_of(files, line));
    } else if (!bytes->empty()) {
        const std::size_t at = number(take_until(line, ' ')) % bytes->size();
        (*bytes)[at] = static_cast<std::uint8_t>(number(line));
    }
}

void check_tile_path(std::string_view text) {
    if (const auto id = parse_tile_path(text)) INVARIANT(tile_path(*id) == text);
}

void check_bundle(std::string_view text) {
    for (const std::uint16_t width : {std::uint16_t{1}, std::uint16_t{3}}) {
        std::vector<ByteView> entries;
        if (!split_bundle(as_bytes(text), width, entries)) continue;
        INVARIANT(entries.size() == width);
        Bytes again;
        for (const ByteView entry : entries) INVARIANT(append_to_bundle(again, entry));
        INVARIANT(as_text(again) == text);
    }
}

}  // namespace

void run(std::string_view input) {
    check_tile_path(input);
    check_bundle(input);
    MemoryFiles files = genuine();
    std::string_view rest = input;
    for (int changes = 0; !rest.empty() && changes < 8; ++changes)
        change(files, take_until(rest, '\n'));
    // The file for people is the only one that is not covered.
    const auto readme = std::string{export_readme_file};
    auto before = genuine().files;
    before.erase(readme);
    auto after = files.files;
    after.erase(readme);
    const VerifyReport report = verify_export(files, {.trusted_key = test_signer().verifier()});
    INVARIANT(report.is_sound() == (before == after));
    INVARIANT(report.findings.size() <= 100);
}

}  // namespace blotter::fuzz
