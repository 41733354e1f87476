#include "cli/console.hpp"

#include <cstdlib>

#include "base/invariant.hpp"

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

KeptConsole::KeptConsole() : file_(::open_memstream(&kept_, &size_)), console_(file_, file_) {
    INVARIANT(file_ != nullptr);
}

KeptConsole::~KeptConsole() {
    std::fclose(file_);
    std::free(kept_);
}

std::string KeptConsole::text() {
    std::fflush(file_);
    return {kept_, size_};
}

}  // namespace blotter::cli
