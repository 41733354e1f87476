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
