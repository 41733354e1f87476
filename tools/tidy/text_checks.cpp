#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>

#include <fmt/format.h>

#include "tidy/checks.hpp"
#include "tidy/source.hpp"

namespace blotter::tidy {
namespace {

using Folders = std::initializer_list<std::string_view>;

/// A call that is kept to a few folders, because the rest of the code must be able to run under a
/// simulated clock, disk and network, or because there is a safer one.
struct Ban {
    std::string_view word;
    std::string_view instead;
    std::span<const std::string_view> allowed_in;
};

constexpr std::array<std::string_view, 0> nowhere{};
constexpr std::array<std::string_view, 3> clock_folders{"src/runtime/", "bench/", "sim/"};
constexpr std::array<std::string_view, 1> runtime_folder{"src/runtime/"};
// What is preloaded into a measured program has no main that could hand it anything.
constexpr std::array<std::string_view, 1> bench_folder{"bench/"};
constexpr std::array<std::string_view, 2> environment_folders{"src/config/", "bench/"};
constexpr std::array<std::string_view, 6> printing_folders{
    "src/cli/", "src/server/", "src/base/invariant", "tools/", "bench/", "sim/"};

// The simulator hands fixed records over shared memory.
constexpr std::array<std::string_view, 1> simulator_folder{"sim/"};
// In the simulator tasks die with their life; the server waits for those that it starts by itself.
constexpr std::array<std::string_view, 2> starting_folders{"sim/", "src/server/node.cpp"};

constexpr std::string_view use_clock = "take the time from runtime::Clock";
constexpr std::string_view use_entropy = "take randomness from runtime::Entropy";
constexpr std::string_view use_timer = "wait on a runtime timer, or on what is awaited";
constexpr std::string_view use_fmt = "use fmt::format, which knows its bounds";
constexpr std::string_view use_log = "write a log line with observe::Logger";
constexpr std::string_view use_from_chars = "use std::from_chars, which reports errors";

constexpr auto bans = std::to_array<Ban>({
    {"system_clock::now", use_clock, clock_folders},
    {"steady_clock::now", use_clock, clock_folders},
    {"high_resolution_clock", use_clock, clock_folders},
    {"gettimeofday", use_clock, clock_folders},
    {"clock_gettime", use_clock, clock_folders},
    {"random_device", use_entropy, runtime_folder},
    {"std::rand", use_entropy, nowhere},
    {"srand", use_entropy, nowhere},
    {"RAND_bytes", use_entropy, runtime_folder},
    {"this_thread::sleep_for", use_timer, runtime_folder},
    {"this_thread::sleep_until", use_timer, runtime_folder},
    {"usleep", use_timer, nowhere},
    {"nanosleep", use_timer, bench_folder},
    {"getenv", "let main pass the environment to config::load", environment_folders},
    {"secure_getenv", "let main pass the environment to config::load", environment_folders},
    {"strcpy", "use std::string", nowhere},
    {"strcat", "use std::string", nowhere},
    {"strncpy", "use std::string", simulator_folder},
    {"sprintf", use_fmt, nowhere},
    {"vsprintf", use_fmt, nowhere},
    {"snprintf", use_fmt, nowhere},
    {"printf", use_log, printing_folders},
    {"fprintf", use_log, printing_folders},
    {"puts", use_log, printing_folders},
    {"fputs", use_log, printing_folders},
    {"fmt::print", use_log, printing_folders},
    {"std::cout", use_log, printing_folders},
    {"std::cerr", use_log, printing_folders},
    {"atoi", use_from_chars, nowhere},
    {"atol", use_from_chars, nowhere},
    {"atof", use_from_chars, nowhere},
    {"std::stoi", use_from_chars, nowhere},
    {"std::regex", "use RE2 or a small parser: std::regex can take exponential time", nowhere},
    {"localtime", "use to_rfc3339; times are UTC", nowhere},
    {"gmtime", "use to_rfc3339; gmtime shares one buffer", nowhere},
    {"strftime", "use to_rfc3339, which ignores the locale", nowhere},
    {"std::strtok", "split with std::string_view", nowhere},
    {"assert(", "use INVARIANT, which is on in release too", nowhere},
    {"runtime::start", "give the coroutine to a runtime::TaskGroup, which joins it",
     starting_folders},
    {"asio::co_spawn", "give the coroutine to a runtime::TaskGroup, which joins it", nowhere},
    {"asio::use_awaitable", "await it with runtime::use_task", nowhere},
    {".detach(", "join the thread in its owner's destructor", nowhere},
    {"std::system", "call the library; a shell is an attack surface", nowhere},
});

bool is_in(std::string_view path, std::span<const std::string_view> folders) {
    return std::ranges::any_of(
        folders, [path](std::string_view folder) { return path.starts_with(folder); });
}

std::size_t columns_of(std::string_view line) {
    // Characters, not bytes: continuation bytes of UTF-8 take no column.
    return static_cast<std::size_t>(
        std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; }));
}

class TextChecks {
  public:
    TextChecks(const File& file, std::vector<Finding>& out) : file_(file), out_(out) {}

    void run() {
        if (is_cpp(file_.path))
            check_cpp();
        else
            check_markers(file_.text);
        if (file_.path.ends_with(".md")) check_titles();
        check_paths();
    }

  private:
    void add(std::size_t line, std::string what) {
        out_.push_back({file_.path, line, std::move(what)});
    }

    void check_cpp() {
        const Source source{file_.text};
        check_length();
        check_columns(source);
        check_bans(source);
        check_markers(source.comments);
        if (is_header(file_.path)) check_header(source);
    }

    void check_length() {
        const std::size_t lines = lines_of(file_.text).size();
        const std::size_t max = is_header(file_.path) ? 250 : is_test(file_.path) ? 800 : 600;
        if (lines > max)
            add(lines, fmt::format("{} lines, at most {}; split the file by subject", lines, max));
    }

    void check_columns(const Source& source) {
        const auto lines = lines_of(file_.text);
        const auto raw = lines_of(source.raw_strings);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            const bool in_raw_string = i < raw.size() && raw[i].contains('r');
            if (columns_of(lines[i]) > 100 && !in_raw_string)
                add(i + 1, fmt::format("{} columns, at most 100; run clang-format-19 or break the "
                                       "text",
                                       columns_of(lines[i])));
        }
    }

    void check_bans(const Source& source) {
        for (const Ban& ban : bans) {
            if (is_in(file_.path, ban.allowed_in)) continue;
            for (std::size_t at = find_word(source.code, ban.word); at != std::string::npos;
                 at = find_word(source.code, ban.word, at + 1))
                add(source.line_at(at),
                    fmt::format("{} is banned here; {}", ban.word, ban.instead));
        }
    }

    void check_header(const Source& source) {
        std::string_view code = source.code;
        code.remove_prefix(std::min(code.find_first_not_of(" \n"), code.size()));
        if (!code.starts_with("#pragma once"))
            add(1, "a header begins with #pragma once; add it above everything but comments");
        const std::size_t using_namespace = find_word(source.code, "using namespace");
        if (using_namespace != std::string::npos)
            add(source.line_at(using_namespace),
                "using namespace in a header reaches every includer; name what is used");
    }

    // Written in two halves, so that this file does not find itself.
    void check_markers(std::string_view text) {
        constexpr std::string_view todo =
            "TO"
            "DO";
        constexpr std::string_view fixme =
            "FIX"
            "ME";
        const auto lines = lines_of(text);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (find_word(lines[i], fixme) != std::string_view::npos)
                add(i + 1, fmt::format("{} cannot be merged; mend it now", fixme));
            const std::size_t at = find_word(lines[i], todo);
            if (at == std::string_view::npos) continue;
            constexpr std::array<std::string_view, 4> kinds{
                "(perf):", "(cleanup):", "(security):", "(port):"};
            const std::string_view rest = lines[i].substr(at + todo.size());
            if (std::ranges::none_of(kinds, [rest](auto kind) { return rest.starts_with(kind); }))
                add(i + 1, fmt::format("{} without a kind; write {}(perf|cleanup|security|port):",
                                       todo, todo));
        }
    }

    void check_titles() {
        const auto lines = lines_of(file_.text);
        bool fenced = false;
        std::size_t titles = 0;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (lines[i].starts_with("```")) fenced = !fenced;
            if (fenced || !lines[i].starts_with("# ")) continue;
            if (++titles == 2) add(i + 1, "a second title; a page has one, make this a ## section");
        }
        if (lines.empty() || !lines[0].starts_with("# "))
            add(1, "a page begins with its title; write \"# Title\" in the first line");
    }

    // Paths of one machine mean nothing to a reader.
    void check_paths() {
        constexpr std::array<std::string_view, 2> roots{
            "/wo"
            "rk/",
            "/ro"
            "ot/"};
        const auto lines = lines_of(file_.text);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            for (const std::string_view root : roots) {
                const std::size_t at = lines[i].find(root);
                if (at == std::string_view::npos) continue;
                const char before = at == 0 ? ' ' : lines[i][at - 1];
                if (is_identifier_char(before) || before == '.' || before == '}') continue;
                add(i + 1, fmt::format("a path of one machine ({}); write a relative one", root));
            }
        }
    }

    const File& file_;
    std::vector<Finding>& out_;
};

}  // namespace

std::vector<Finding> check_texts(const std::vector<File>& files) {
    std::vector<Finding> findings;
    for (const File& file : files) TextChecks{file, findings}.run();
    return findings;
}

}  // namespace blotter::tidy
