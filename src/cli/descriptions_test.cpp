#include "cli/descriptions.hpp"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace blotter::cli {
namespace {

std::string read(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(Descriptions, the_pages_in_docs_are_fresh) {
    const std::pair<const char*, std::string> pages[] = {{"errors", errors_page()},
                                                         {"events", events_page()}};
    for (const auto& [name, wanted] : pages) {
        std::string file = std::string{name} + ".md";
        for (std::size_t i = 0; i < file.size() - 3; ++i) file[i] -= 'a' - 'A';
        EXPECT_EQ(read(BLOTTER_SOURCE_DIR "/docs/" + file), wanted)
            << "docs/" << file << " is stale; run: blotter docs " << name << " > docs/" << file;
    }
}

}  // namespace
}  // namespace blotter::cli
