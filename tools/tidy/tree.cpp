#include "tidy/tree.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace blotter::tidy {
namespace {

namespace fs = std::filesystem;

bool is_skipped_folder(const fs::path& name) {
    constexpr std::array<std::string_view, 7> skipped{".git",    "build", "node_modules", ".cache",
                                                      ".clangd", "dist",  "corpus"};
    return std::ranges::find(skipped, name.string()) != skipped.end();
}

// Machine-written or larger than anything written by hand.
bool is_skipped_file(const fs::directory_entry& entry) {
    constexpr std::uintmax_t bytes_max = 1 << 20;
    const std::string name = entry.path().filename().string();
    return name == "package-lock.json" || name == "compile_commands.json" ||
           name.ends_with(".swp") || entry.file_size() > bytes_max;
}

}  // namespace

std::string to_text(const Finding& finding) {
    return fmt::format("{}:{}: {}", finding.path, finding.line, finding.what);
}

std::vector<File> read_tree(const fs::path& root) {
    std::vector<File> files;
    for (auto at = fs::recursive_directory_iterator{root}; at != fs::end(at); ++at) {
        if (at->is_directory() && is_skipped_folder(at->path().filename())) {
            at.disable_recursion_pending();
            continue;
        }
        if (at->is_symlink() || !at->is_regular_file() || is_skipped_file(*at)) continue;
        std::ifstream in{at->path(), std::ios::binary};
        std::string text{std::istreambuf_iterator<char>{in}, {}};
        const bool binary = text.substr(0, 8'192).contains('\0');
        if (binary) continue;
        files.push_back({at->path().lexically_relative(root).generic_string(), std::move(text)});
    }
    std::ranges::sort(files, {}, &File::path);
    return files;
}

bool is_header(std::string_view path) {
    return path.ends_with(".hpp");
}

bool is_cpp(std::string_view path) {
    return is_header(path) || path.ends_with(".cpp") || path.ends_with(".def");
}

bool is_test(std::string_view path) {
    return path.ends_with("_test.cpp") || path.starts_with("tests/");
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace blotter::tidy
