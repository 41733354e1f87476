#include "base/result.hpp"

#include <array>

namespace blotter {
namespace {

struct Row {
    std::string_view name;
    int status;
    std::string_view title;
};

constexpr std::array rows{
#define X(name, status, title) Row{#name, status, title},
#include "base/errors.def"
#undef X
};

const Row& row_of(Errc code) {
    return rows[static_cast<std::size_t>(code)];
}

}  // namespace

Error::Error(Errc c, std::string d, std::string p, std::source_location w)
    : code(c), detail(std::move(d)), pointer(std::move(p)), where(w) {}
Error::Error(const Error& other) = default;
Error::Error(Error&& other) noexcept = default;
Error& Error::operator=(const Error& other) = default;
Error& Error::operator=(Error&& other) noexcept = default;
Error::~Error() = default;

std::unexpected<Error> fail(Errc code, std::string detail, std::string pointer,
                            std::source_location where) {
    return std::unexpected<Error>(Error{code, std::move(detail), std::move(pointer), where});
}

std::unexpected<Error> pass(Error&& error) {
    return std::unexpected<Error>(std::move(error));
}

std::unexpected<Error> pass(const Error& error) {
    return std::unexpected<Error>(error);
}

std::string_view to_text(Errc code) {
    return row_of(code).name;
}
std::string_view title_of(Errc code) {
    return row_of(code).title;
}
int http_status_of(Errc code) {
    return row_of(code).status;
}

std::string describe(const Error& error) {
    std::string text{to_text(error.code)};
    text += ": ";
    text += error.detail.empty() ? title_of(error.code) : std::string_view{error.detail};
    if (!error.pointer.empty()) text += " (at " + error.pointer + ")";
    return text;
}

}  // namespace blotter
