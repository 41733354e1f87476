#include "http/problem.hpp"

#include "base/json.hpp"

namespace blotter::http {

Response make_problem(const Error& error, const ProblemContext& context) {
    const int status = http_status_of(error.code);
    const std::string code{to_text(error.code)};
    json::Object document;
    // A relative reference: where the description is served depends on the installation.
    document.append("type", "/problems/" + code);
    document.append("title", title_of(error.code));
    document.append("status", status);
    document.append("code", code);
    if (!error.detail.empty()) document.append("detail", error.detail);
    if (!error.pointer.empty()) {
        json::Object entry;
        entry.append("pointer", error.pointer);
        entry.append("detail", error.detail);
        document.append("errors", json::Array{json::Value{std::move(entry)}});
    }
    if (!context.request_id.empty()) document.append("request_id", context.request_id);
    Response response;
    response.status = status;
    response.fixed_fields = "content-type: application/problem+json\r\ncache-control: no-store\r\n";
    if (context.retry_after) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(*context.retry_after).count();
        response.headers.add("retry-after", std::to_string(std::max<std::int64_t>(seconds, 1)));
    }
    response.body = json::to_text(json::Value{std::move(document)});
    return response;
}

}  // namespace blotter::http
