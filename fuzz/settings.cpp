// Settings files: read, judged and explained, whatever is in them; no secret is repeated.
#include <algorithm>

#include "config/load.hpp"
#include "config/toml_file.hpp"
#include "fuzz/target.hpp"

namespace blotter::fuzz {
namespace {

using namespace config;

void check_entries(std::string_view text) {
    const auto entries = read_toml(text);
    if (!entries) {
        INVARIANT(!entries.error().detail.empty());
        return;
    }
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    for (const FileEntry& entry : *entries) {
        INVARIANT(!entry.name.empty() && entry.line >= 1 && entry.line <= lines);
        INVARIANT(entry.column >= 1 && entry.column <= text.size() + 1);
    }
}

/// What a file sets, a flag of the same text sets, too.
void check_flags(const Configuration& from_file) {
    Sources flags;
    for (const Row& row : rows()) {
        const Given* given = from_file.given(row.name);
        INVARIANT(given != nullptr);
        if (given->origin == Origin::file)
            flags.flags.push_back("--" + std::string{row.name} + "=" + given->text);
    }
    const auto again = load(flags);
    INVARIANT(again);
    for (const Row& row : rows())
        INVARIANT(again->given(row.name)->text == from_file.given(row.name)->text);
}

}  // namespace

void run(std::string_view input) {
    check_entries(input);
    Sources sources;
    sources.file = FileSource{"blotter.toml", std::string{input}};
    const auto loaded = load(sources);
    if (!loaded) {
        INVARIANT(std::ranges::count(loaded.error().detail, '\n') <= 21);
        return;
    }
    INVARIANT(!loaded->explain().empty());
    check_flags(*loaded);
}

}  // namespace blotter::fuzz
