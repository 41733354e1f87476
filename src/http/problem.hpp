#pragma once

#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"

namespace blotter::http {

/// What a problem document says beside the error itself.
struct ProblemContext {
    std::string_view request_id;          ///< left out when empty
    std::optional<Duration> retry_after;  ///< Retry-After, in whole seconds rounded up
};

/// The error as application/problem+json (RFC 9457): type, title, status, code, detail, and
/// `errors` with a JSON Pointer when the error points into the input. The status is the one of the
/// error table.
Response make_problem(const Error& error, const ProblemContext& context = {});

}  // namespace blotter::http
