#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blotter::tidy {

/// A C++ source seen three ways, each as long as the text, so that an offset means the same place
/// in all: `code` has blanks for comments and for what is inside quotes, `comments` has blanks for
/// everything else, `raw_strings` marks the characters inside raw string literals with 'r'.
/// Knows tokens, not grammar; enough for house rules.
struct Source {
    explicit Source(std::string_view text);

    std::string code;
    std::string comments;
    std::string raw_strings;

    /// The line, from 1, of an offset.
    std::size_t line_at(std::size_t offset) const;

  private:
    std::vector<std::size_t> line_starts_;
};

/// The offset of the next whole word `word` in `code` from `from` on; npos when there is none.
/// A word may hold :: and punctuation; its ends must not run on into an identifier.
std::size_t find_word(std::string_view code, std::string_view word, std::size_t from = 0);

/// The offset of the bracket that closes the one at `open`; npos when it is never closed.
std::size_t find_close(std::string_view code, std::size_t open);

bool is_identifier_char(char c);

}  // namespace blotter::tidy
