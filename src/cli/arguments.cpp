#include "cli/arguments.hpp"

#include <string_view>

#include "config/table.hpp"

namespace blotter::cli {
namespace {

/// The name in "--section.key=value"; empty for anything else.
std::string_view setting_name(std::string_view word) {
    if (!word.starts_with("--")) return {};
    const std::string_view name = word.substr(2, word.find('=') - 2);
    return name.contains('.') ? name : std::string_view{};
}

bool is_toggle_value(std::string_view word) {
    return word == "true" || word == "false";
}

}  // namespace

Arguments split_arguments(const std::vector<std::string>& given) {
    Arguments out;
    for (std::size_t i = 0; i < given.size(); ++i) {
        if (given[i] == "--") {
            out.words.insert(out.words.end(), given.begin() + static_cast<std::ptrdiff_t>(i),
                             given.end());
            return out;
        }
        const std::string_view name = setting_name(given[i]);
        if (name.empty()) {
            out.words.push_back(given[i]);
            continue;
        }
        out.settings.push_back(given[i]);
        const config::Row* row = config::find_row(name);
        if (row == nullptr || given[i].contains('=') || i + 1 == given.size()) continue;
        const std::string& next = given[i + 1];
        if (row->kind == config::Kind::toggle ? is_toggle_value(next) : !next.starts_with("--")) {
            out.settings.back() += "=" + next;
            ++i;
        }
    }
    return out;
}

}  // namespace blotter::cli
