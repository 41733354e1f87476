#pragma once

#include <compare>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace blotter::tidy {

/// One text file of the tree; `path` is relative to its root, with forward slashes.
struct File {
    std::string path;
    std::string text;
};

/// One broken rule: what is wrong, and what to do instead.
struct Finding {
    std::string path;
    std::size_t line = 0;  ///< from 1
    std::string what;
    auto operator<=>(const Finding&) const = default;
};

/// "src/a/b.cpp:41: what; do this instead"
std::string to_text(const Finding& finding);

/// All text files under `root`, sorted by path, without build output and installed packages.
/// Throws std::filesystem::filesystem_error when the tree cannot be read.
std::vector<File> read_tree(const std::filesystem::path& root);

bool is_header(std::string_view path);  ///< .hpp
bool is_cpp(std::string_view path);     ///< .hpp, .cpp or .def
bool is_test(std::string_view path);    ///< *_test.cpp, or anything below tests/

/// Lines without their ends; a last line without an end counts, an empty rest does not.
std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace blotter::tidy
