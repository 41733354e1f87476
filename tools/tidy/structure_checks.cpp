#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "tidy/checks.hpp"
#include "tidy/source.hpp"

namespace blotter::tidy {
namespace {

struct Layer {
    std::string_view room;
    int height;
};

// The floors of the house. A room sees lower floors only, never a neighbour on its own. Why these:
// docs/decisions/0004-layers.md, whose table a test compares with this one.
constexpr auto layers = std::to_array<Layer>({
    {"base", 0},       {"runtime", 1},  {"model", 1},     {"observe", 2},   {"config", 2},
    {"expression", 2}, {"security", 2}, {"store", 3},     {"http", 3},      {"ledger", 4},
    {"sources", 4},    {"routing", 4},  {"envelopes", 4}, {"documents", 4}, {"accounting", 4},
    {"connectors", 5}, {"intake", 6},   {"delivery", 7},  {"reconcile", 8}, {"api", 9},
    {"cli", 10},       {"server", 11},
});

std::optional<int> height_of(std::string_view room) {
    const auto found = std::ranges::find(layers, room, &Layer::room);
    return found == layers.end() ? std::nullopt : std::optional{found->height};
}

// Each of these costs seconds in every file that includes it.
constexpr std::array<std::string_view, 6> heavy_headers{
    "boost/beast", "boost/asio/ssl", "toml++/", "CLI/", "valijson/", "sqlite3.h"};

struct Include {
    std::string path;
    std::size_t line = 0;
    char open = '"';
};

std::vector<Include> includes_of(const File& file) {
    std::vector<Include> includes;
    const Source source{file.text};
    const auto code = lines_of(source.code);
    const auto lines = lines_of(file.text);
    for (std::size_t i = 0; i < code.size(); ++i) {
        if (!code[i].starts_with("#include")) continue;
        const std::size_t open = lines[i].find_first_of("\"<");
        if (open == std::string_view::npos) continue;
        const std::size_t close = lines[i].find_first_of("\">", open + 1);
        includes.push_back(
            {std::string{lines[i].substr(open + 1, close - open - 1)}, i + 1, lines[i][open]});
    }
    return includes;
}

/// One call of blotter_room.
struct Room {
    std::string cmake_path;
    std::size_t line = 1;
    std::set<std::string> depends;
    std::set<std::string> test_depends;  ///< blotter_x among the TEST_LIBS
};

// "src/store/sqlite/x.cpp" is in room "store"; empty outside src/.
std::string room_of(std::string_view path) {
    if (!path.starts_with("src/")) return {};
    path.remove_prefix(4);
    const std::size_t slash = path.find('/');
    return slash == std::string_view::npos ? std::string{} : std::string{path.substr(0, slash)};
}

std::string without_comments(std::string_view cmake) {
    std::string out;
    for (const std::string_view line : lines_of(cmake)) {
        out += line.substr(0, line.find('#'));
        out += '\n';
    }
    return out;
}

std::optional<Room> parse_room(const File& file) {
    const std::string text = without_comments(file.text);
    const std::size_t call = text.find("blotter_room(");
    if (call == std::string::npos) return {};
    const std::size_t open = text.find('(', call);
    const std::size_t close = std::min(text.find(')', open), text.size());
    Room room{.cmake_path = file.path};
    room.line +=
        static_cast<std::size_t>(std::ranges::count(std::string_view{text}.substr(0, call), '\n'));
    std::istringstream words{text.substr(open + 1, close - open - 1)};
    std::string word;
    std::string list;
    words >> word;  // the room's own name
    while (words >> word) {
        if (word == "DEPENDS" || word == "LIBS" || word == "TEST_LIBS")
            list = word;
        else if (list == "DEPENDS")
            room.depends.insert(word);
        else if (list == "TEST_LIBS" && word.starts_with("blotter_"))
            room.test_depends.insert(word.substr(8));
    }
    return room;
}

class StructureChecks {
  public:
    explicit StructureChecks(const std::vector<File>& files) : files_(files) {}

    std::vector<Finding> run() {
        for (const File& file : files_) {
            const std::string name = room_of(file.path);
            if (name.empty() || file.path != "src/" + name + "/CMakeLists.txt") continue;
            if (auto room = parse_room(file)) rooms_.emplace(name, std::move(*room));
        }
        for (const auto& [name, room] : rooms_) check_room(name, room);
        for (const File& file : files_)
            if (is_cpp(file.path)) check_includes(file);
        for (const File& file : files_) check_dead(file);
        return std::move(findings_);
    }

  private:
    void add(const std::string& path, std::size_t line, std::string what) {
        findings_.push_back({path, line, std::move(what)});
    }

    void check_room(const std::string& name, const Room& room) {
        const auto height = height_of(name);
        if (!height)
            add(room.cmake_path, room.line,
                fmt::format("room {} has no layer; add it to tools/tidy/structure_checks.cpp",
                            name));
        for (const std::string& other : room.depends) {
            const auto lower = height_of(other);
            if (!lower)
                add(room.cmake_path, room.line, fmt::format("there is no room {}", other));
            else if (height && *lower >= *height)
                add(room.cmake_path, room.line,
                    fmt::format(
                        "{} (layer {}) depends on {} (layer {}); move what both need lower, "
                        "or pass it in from above",
                        name, *height, other, *lower));
        }
        check_readme(name, room);
    }

    void check_readme(const std::string& name, const Room& room) {
        const std::string path = "src/" + name + "/README.md";
        const auto readme = std::ranges::find(files_, path, &File::path);
        if (readme == files_.end())
            return add(room.cmake_path, 1,
                       "the room has no README.md; write its purpose, invariants, limits and "
                       "threads");
        const std::size_t lines = lines_of(readme->text).size();
        if (lines > 40)
            add(path, lines, fmt::format("{} lines, at most 40; move the rest to docs/", lines));
    }

    // The room itself and everything below it by its DEPENDS.
    std::set<std::string> visible_from(const std::string& name, bool test) const {
        std::set<std::string> seen;
        std::vector<std::string> open{name};
        const auto own = rooms_.find(name);
        if (test && own != rooms_.end())
            open.insert(open.end(), own->second.test_depends.begin(),
                        own->second.test_depends.end());
        while (!open.empty()) {
            const std::string next = std::move(open.back());
            open.pop_back();
            if (!seen.insert(next).second) continue;
            const auto found = rooms_.find(next);
            if (found == rooms_.end()) continue;
            open.insert(open.end(), found->second.depends.begin(), found->second.depends.end());
        }
        return seen;
    }

    void check_includes(const File& file) {
        const std::string room = room_of(file.path);
        const std::set<std::string> visible = visible_from(room, is_test(file.path));
        for (const Include& include : includes_of(file)) {
            check_heavy(file, include);
            if (include.open != '"') continue;
            included_.insert("src/" + include.path);
            included_.insert(include.path);
            included_.insert("tools/" + include.path);
            included_.insert(file.path.substr(0, file.path.rfind('/') + 1) + include.path);
            const std::string other = room_of("src/" + include.path);
            if (room.empty() || !height_of(other) || visible.contains(other)) continue;
            add(file.path, include.line,
                fmt::format("\"{}\" is out of sight; room {} does not list {} in DEPENDS",
                            include.path, room, other));
        }
    }

    void check_heavy(const File& file, const Include& include) {
        if (!is_header(file.path)) return;
        for (const std::string_view heavy : heavy_headers)
            if (include.path.starts_with(heavy))
                add(file.path, include.line,
                    fmt::format("<{}> in a header costs every includer seconds; include it in one "
                                ".cpp and hide it",
                                include.path));
    }

    void check_dead(const File& file) {
        const bool includable = is_header(file.path) || file.path.ends_with(".def");
        // What is under cmake/ is named by the build.
        if (file.path.starts_with("cmake/")) return;
        if (includable && !included_.contains(file.path))
            add(file.path, 1, "nobody includes this; use it or delete it");
    }

    const std::vector<File>& files_;
    std::map<std::string, Room> rooms_;
    std::set<std::string> included_;
    std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_structure(const std::vector<File>& files) {
    return StructureChecks{files}.run();
}

std::vector<Finding> check_all(const std::vector<File>& files) {
    std::vector<Finding> all = check_texts(files);
    std::ranges::copy(check_functions(files), std::back_inserter(all));
    std::ranges::copy(check_structure(files), std::back_inserter(all));
    std::ranges::sort(all);
    return all;
}

}  // namespace blotter::tidy
