#include "expression/pattern.hpp"

#include <re2/re2.h>

#include <fmt/format.h>

namespace blotter::expression {

Pattern::Pattern(std::unique_ptr<re2::RE2> regex) : regex_(std::move(regex)) {}
Pattern::~Pattern() = default;

Result<std::unique_ptr<const Pattern>> Pattern::compile(std::string_view pattern) {
    if (pattern.size() > bytes_max)
        return fail(Errc::invalid_argument,
                    fmt::format("a pattern has at most {} bytes", bytes_max));
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_never_capture(true);
    // Bounds the compiled pattern (x{1000} repeats are expanded) and the automaton's cache.
    options.set_max_mem(256 << 10);
    auto regex =
        std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (!regex->ok())
        return fail(Errc::invalid_argument,
                    fmt::format("the pattern cannot be used: {}", regex->error()));
    return std::unique_ptr<const Pattern>(new Pattern(std::move(regex)));
}

bool Pattern::found_in(std::string_view text) const {
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

}  // namespace blotter::expression
