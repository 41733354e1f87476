#include "config/toml_file.hpp"

// The header-only form without exceptions; its symbols stay in this file.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include "config/table.hpp"

namespace blotter::config {
namespace {

using Form = FileEntry::Form;

// A list in the text form that environment and flags use; `other` unless all entries are texts.
Form join(const toml::array& array, std::string& out) {
    for (const toml::node& node : array) {
        const auto* text = node.as_string();
        // A comma inside an entry would read as two entries.
        if (text == nullptr || text->get().contains(',')) return Form::other;
        if (!out.empty()) out += ", ";
        out += text->get();
    }
    return Form::list;
}

FileEntry to_entry(std::string name, const toml::key& key, const toml::node& node) {
    FileEntry entry{.name = std::move(name),
                    .line = key.source().begin.line,
                    .column = key.source().begin.column};
    if (const auto* text = node.as_string()) {
        entry.form = Form::text;
        entry.text = text->get();
    } else if (const auto* number = node.as_integer()) {
        entry.form = Form::whole_number;
        entry.text = std::to_string(number->get());
    } else if (const auto* toggle = node.as_boolean()) {
        entry.form = Form::toggle;
        entry.text = toggle->get() ? "true" : "false";
    } else if (const auto* array = node.as_array()) {
        entry.form = join(*array, entry.text);
    } else if (node.is_table()) {
        entry.form = Form::section;
    }
    return entry;
}

bool is_section(std::string_view name) {
    for (const Section& section : sections())
        if (section.name == name) return true;
    return false;
}

}  // namespace

Result<std::vector<FileEntry>> read_toml(std::string_view text) {
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) {
        const toml::source_position at = parsed.error().source().begin;
        return fail(Errc::malformed,
                    fmt::format("{}:{}: {}", at.line, at.column, parsed.error().description()));
    }
    std::vector<FileEntry> entries;
    for (const auto& [key, node] : parsed.table()) {
        const toml::table* section = node.as_table();
        if (section == nullptr || !is_section(key.str())) {
            entries.push_back(to_entry(std::string{key.str()}, key, node));
            continue;
        }
        for (const auto& [inner, value] : *section)
            entries.push_back(to_entry(fmt::format("{}.{}", key.str(), inner.str()), inner, value));
    }
    return entries;
}

}  // namespace blotter::config
