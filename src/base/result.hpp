#pragma once

#include <cstdint>
#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace blotter {

/// Every kind of expected failure, from the table in errors.def.
enum class Errc : std::uint8_t {
#define X(name, status, title) name,
#include "base/errors.def"
#undef X
};

/// The stable public name of a failure, for example "not_found".
std::string_view to_text(Errc code);
/// The sentence fragment that heads a problem document.
std::string_view title_of(Errc code);
/// The HTTP status under which the API reports the failure.
int http_status_of(Errc code);

/// One expected failure: what kind, and in words what was wrong, where, and what to do.
/// `detail` is shown to callers; it never holds a secret. `pointer` is a JSON Pointer (RFC 6901)
/// to the offending input, empty when there is none.
struct Error {
    Errc code = Errc::internal;
    std::string detail;
    std::string pointer{};
    std::source_location where{};

    Error(Errc code, std::string detail, std::string pointer = {}, std::source_location where = {});
    // Not inline: what moves and frees two texts would stand between the instructions that are run,
    // at every place that a failure may pass.
    Error(const Error& other);
    Error(Error&& other) noexcept;
    Error& operator=(const Error& other);
    Error& operator=(Error&& other) noexcept;
    ~Error();
};

/// Expected failures are values; exceptions mean "this should not happen".
template <typename T = void>
using Result = std::expected<T, Error>;

/// Builds the failing side of a Result. The location is where the failure was first named.
[[nodiscard, gnu::cold]] std::unexpected<Error> fail(
    Errc code, std::string detail, std::string pointer = {},
    std::source_location where = std::source_location::current());

/// Passes a failure on, with its origin kept.
[[nodiscard, gnu::cold]] std::unexpected<Error> pass(Error&& error);
[[nodiscard, gnu::cold]] std::unexpected<Error> pass(const Error& error);

/// "not_found: there is no envelope env_…", for logs and the command line.
std::string describe(const Error& error);

}  // namespace blotter

#define BLOTTER_CAT_INNER(a, b) a##b
#define BLOTTER_CAT(a, b) BLOTTER_CAT_INNER(a, b)

#define BLOTTER_TRY_IMPL(tmp, ret, decl, ...)      \
    auto tmp = __VA_ARGS__;                        \
    if (!tmp) [[unlikely]]                         \
        ret blotter::pass(std::move(tmp).error()); \
    decl = *std::move(tmp)
#define BLOTTER_TRY_VOID_IMPL(tmp, ret, ...)       \
    if (auto tmp = __VA_ARGS__; !tmp) [[unlikely]] \
    ret blotter::pass(std::move(tmp).error())

/// TRY(const auto x, f()): declares x from a Result, or returns its failure. A statement.
#define TRY(decl, ...) BLOTTER_TRY_IMPL(BLOTTER_CAT(try_, __COUNTER__), return, decl, __VA_ARGS__)
/// CHECK(f()): returns the failure of a Result<> or goes on.
#define CHECK(...) BLOTTER_TRY_VOID_IMPL(BLOTTER_CAT(try_, __COUNTER__), return, __VA_ARGS__)
/// The same two inside a coroutine.
#define CO_TRY(decl, ...) \
    BLOTTER_TRY_IMPL(BLOTTER_CAT(try_, __COUNTER__), co_return, decl, __VA_ARGS__)
#define CO_CHECK(...) BLOTTER_TRY_VOID_IMPL(BLOTTER_CAT(try_, __COUNTER__), co_return, __VA_ARGS__)
