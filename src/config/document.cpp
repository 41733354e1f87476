#include <algorithm>

#include <fmt/format.h>

#include "config/load.hpp"

namespace blotter::config {
namespace {

std::string quoted(const Row& row, std::string_view text) {
    const bool bare = row.kind == Kind::count || row.kind == Kind::toggle ||
                      (row.kind == Kind::auto_count && text != "auto");
    if (bare) return std::string{text};
    if (row.kind != Kind::networks && row.kind != Kind::addresses && row.kind != Kind::schedule)
        return fmt::format("\"{}\"", text);
    std::string out = "[";
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t comma = std::min(text.find(", ", at), text.size());
        out += fmt::format("{}\"{}\"", out.size() > 1 ? ", " : "", text.substr(at, comma - at));
        at = comma + 2;
    }
    return out + "]";
}

std::string_view key_of(const Row& row) {
    return row.name.substr(row.section.size() + 1);
}

// Comment lines of at most 95 columns.
void append_wrapped(std::string& out, std::string_view text) {
    constexpr std::size_t width = 95;
    while (!text.empty()) {
        std::size_t cut = text.size();
        if (cut > width) cut = text.rfind(' ', width);
        out += fmt::format("# {}\n", text.substr(0, cut));
        text.remove_prefix(std::min(cut + 1, text.size()));
    }
}

}  // namespace

std::string to_markdown() {
    std::string out =
        "# Settings\n\n"
        "This page is generated from `src/config/settings.def`; a test fails when it is stale.\n\n"
        "A setting is taken from, in order, each beating the one before: its default, the TOML "
        "file (`--config FILE` or `BLOTTER_CONFIG`), the environment, a flag. "
        "`delivery.timeout` is `timeout` in the section `[delivery]` of the file, "
        "`BLOTTER_DELIVERY_TIMEOUT` in the environment and `--delivery.timeout=30s` as a flag. "
        "Lists are written `a, b` outside the file. "
        "`blotter config explain` shows what is in force and where it came from.\n\n"
        "A change needs a restart, unless the row says that a reload (SIGHUP) is enough. Relative "
        "paths count from the folder in which Blotter was started.\n";
    for (const Section& section : sections()) {
        out +=
            fmt::format("\n## {}\n\n| setting | default | allowed | meaning |\n|---|---|---|---|\n",
                        section.title);
        for (const Row& row : rows()) {
            if (row.section != section.name) continue;
            out += fmt::format(
                "| `{}` | {} | {} | {}{}{} |\n", row.name,
                row.default_text.empty() ? "" : fmt::format("`{}`", row.default_text), allowed(row),
                row.help, row.example.empty() ? "" : fmt::format(" Example: `{}`.", row.example),
                row.applies == Applies::at_reload ? " A reload is enough." : "");
        }
    }
    return out;
}

std::string to_example_file() {
    std::string out =
        "# Settings of Blotter. Every setting is commented out and shows its default. What is in "
        "force,\n"
        "# and where it came from: blotter config explain\n";
    for (const Section& section : sections()) {
        out += fmt::format("\n[{}]\n", section.name);
        for (const Row& row : rows()) {
            if (row.section != section.name || row.kind == Kind::secret) continue;
            append_wrapped(out, row.help);
            out += fmt::format("# {} = {}", key_of(row), quoted(row, row.default_text));
            if (row.default_text.empty())
                out += fmt::format("  # for example {}", quoted(row, row.example));
            out += '\n';
        }
    }
    return out;
}

}  // namespace blotter::config
