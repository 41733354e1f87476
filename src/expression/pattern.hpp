#pragma once

#include <memory>
#include <string_view>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace blotter::expression {

/// A compiled regular expression in RE2 syntax: matching takes time linear in the text, whatever
/// the pattern is. Immutable; any thread may call `found_in`.
class Pattern {
  public:
    static constexpr std::size_t bytes_max = 512;

    static Result<std::unique_ptr<const Pattern>> compile(std::string_view pattern);
    ~Pattern();
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;

    /// Whether any part of the text matches, as CEL's matches() asks.
    bool found_in(std::string_view text) const;

  private:
    explicit Pattern(std::unique_ptr<re2::RE2> regex);
    std::unique_ptr<re2::RE2> regex_;
};

}  // namespace blotter::expression
