#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/result.hpp"

namespace blotter::cli {

/// What the program ends with. Documented in `blotter --help`.
enum ExitStatus : int {
    exit_ok = 0,
    exit_failed = 1,  ///< it could not be done, or a check found something
    exit_usage = 2,   ///< the command line cannot be understood
};

/// Where a command writes: what was asked for goes out, remarks and errors go aside. Each line is
/// flushed, so that a reader behind a pipe sees it when it happens. One thread at a time.
class Console {
  public:
    Console(std::FILE* out, std::FILE* aside) : out_(out), aside_(aside) {}

    template <typename... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        write(out_, fmt::format(format, std::forward<Args>(args)...));
    }
    template <typename... Args>
    void remark(fmt::format_string<Args...> format, Args&&... args) {
        write(aside_, fmt::format(format, std::forward<Args>(args)...));
    }
    /// As it is, without a line's end.
    void raw(std::string_view text);
    /// "blotter: …" aside; gives exit_failed, so that a command can return it.
    int failed(const Error& error);
    /// The same for a command line that makes no sense; gives exit_usage.
    int misused(std::string_view words);

  private:
    void write(std::FILE* where, std::string line);

    std::FILE* out_;
    std::FILE* aside_;
};

/// A console whose lines are kept instead of shown.
class KeptConsole {
  public:
    KeptConsole();
    ~KeptConsole();
    KeptConsole(const KeptConsole&) = delete;
    KeptConsole& operator=(const KeptConsole&) = delete;

    Console& console() { return console_; }
    /// Everything written so far, asides too.
    std::string text();

  private:
    char* kept_ = nullptr;
    std::size_t size_ = 0;
    std::FILE* file_;
    Console console_;
};

}  // namespace blotter::cli
