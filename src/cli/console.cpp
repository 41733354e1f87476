#include "cli/console.hpp"

#include <string>

namespace blotter::cli {

void Console::write(std::FILE* where, std::string line) {
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), where);
    std::fflush(where);
}

void Console::raw(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), out_);
    std::fflush(out_);
}

int Console::failed(const Error& error) {
    remark("blotter: {}", error.detail);
    return exit_failed;
}

int Console::misused(std::string_view words) {
    remark("blotter: {}\nRun with --help for more.", words);
    return exit_usage;
}

}  // namespace blotter::cli
