#include "server/demo_api.hpp"

#include <fmt/format.h>

namespace blotter::server {
namespace {

constexpr Duration between{50};
constexpr int turns_max = 600;

Result<json::Value> document_of(const cli::CallAnswer& answer) {
    if (answer.body.empty()) return json::Value{};
    return answer.document();
}

}  // namespace

std::string text_at(const json::Value& value, std::string_view pointer) {
    const json::Value* found = value.at_pointer(pointer);
    if (found == nullptr) return {};
    if (const std::string* text = found->as_string()) return *text;
    if (const json::Number* number = found->as_number()) return number->text;
    return {};
}

Result<cli::CallAnswer> DemoApi::call(cli::CallRequest request) {
    const std::string what = fmt::format("{} {}", http::to_text(request.method), request.url);
    TRY(auto answer, caller_.call(std::move(request)));
    if (!answer.is_success())
        return fail(answer.status == 503 ? Errc::unavailable : Errc::protocol_error,
                    fmt::format("{}: {}", what, answer.words()));
    return answer;
}

Result<json::Value> DemoApi::get(const std::string& path) {
    TRY(const auto answer,
        call({.url = url_ + path, .headers = {{"authorization", "Bearer " + key_}}}));
    return document_of(answer);
}

Result<std::string> DemoApi::get_text(const std::string& path) {
    TRY(auto answer, call({.url = url_ + path, .headers = {{"authorization", "Bearer " + key_}}}));
    return std::move(answer.body);
}

Result<json::Value> DemoApi::post(const std::string& path, const json::Value& body) {
    TRY(const auto answer, call({.method = http::Method::post,
                                 .url = url_ + path,
                                 .headers = {{"authorization", "Bearer " + key_},
                                             {"content-type", "application/json"}},
                                 .body = json::to_text(body)}));
    return document_of(answer);
}

Result<json::Value> DemoApi::upload(std::string name, std::string content) {
    TRY(const auto answer, call({.method = http::Method::post,
                                 .url = url_ + "/v1/files",
                                 .headers = {{"authorization", "Bearer " + key_},
                                             {"content-type", "application/pdf"},
                                             {"x-file-name", std::move(name)}},
                                 .body = std::move(content)}));
    return document_of(answer);
}

Result<std::string> DemoApi::fetch(const std::string& url) {
    TRY(auto answer, call({.url = url}));
    return std::move(answer.body);
}

Result<> DemoApi::pause(int& turns, std::string_view what) {
    if (is_interrupted()) return fail(Errc::cancelled, "interrupted");
    if (++turns > turns_max)
        return fail(Errc::timeout, fmt::format("waited for half a minute until {}", what));
    caller_.pause(between);
    return {};
}

Result<json::Value> DemoApi::wait_for(std::string_view what, const std::string& path,
                                      const std::function<bool(const json::Value&)>& ready) {
    for (int turns = 0;;) {
        auto found = get(path);
        if (found && ready(*found)) return found;
        // "Not yet" is an answer that a client may get.
        if (!found && found.error().code != Errc::unavailable) return found;
        CHECK(pause(turns, what));
    }
}

Result<> DemoApi::wait_until(std::string_view what, const std::function<bool()>& ready) {
    for (int turns = 0; !ready();) CHECK(pause(turns, what));
    return {};
}

}  // namespace blotter::server
