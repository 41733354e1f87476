#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "tidy/checks.hpp"

// blotter_tidy ROOT: prints every broken rule of the tree; exit status 1 when there is one.
int main(int argc, char** argv) try {
    if (argc != 2) {
        fmt::print(stderr, "usage: blotter_tidy ROOT\n");
        return 2;
    }
    const auto files = blotter::tidy::read_tree(argv[1]);
    const auto findings = blotter::tidy::check_all(files);
    for (const auto& finding : findings) fmt::print("{}\n", to_text(finding));
    fmt::print("{} findings in {} files\n", findings.size(), files.size());
    return findings.empty() && !files.empty() ? 0 : 1;
} catch (const std::exception& error) {
    fmt::print(stderr, "blotter_tidy: {}\n", error.what());
    return 2;
}
