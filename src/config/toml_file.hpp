#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace blotter::config {

/// One `name = value` of a TOML 1.0 file, or an unknown section, with its place (from 1).
struct FileEntry {
    enum class Form : unsigned char { text, whole_number, toggle, list, section, other };

    std::string name;  ///< dotted: "delivery.timeout"
    Form form = Form::other;
    std::string text;  ///< the value; list entries are joined by ", "
    std::size_t line = 0;
    std::size_t column = 0;
};

/// Reads a settings file's text. Tables nest at most one level; a table inside a table comes out
/// as an entry of form `section`. The failure names the line and column. Pure.
Result<std::vector<FileEntry>> read_toml(std::string_view text);

}  // namespace blotter::config
