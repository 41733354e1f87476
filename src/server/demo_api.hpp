#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "cli/http_call.hpp"

namespace blotter::server {

/// The text under a JSON Pointer; a number as it is written; empty when there is neither.
std::string text_at(const json::Value& value, std::string_view pointer);

/// A client of the API as an application would have it: an address and a key. Any refusal is a
/// failure that says which call it was and what the answer said. One thread.
class DemoApi {
  public:
    explicit DemoApi(std::string url) : url_(std::move(url)) {}

    void use_key(std::string key) { key_ = std::move(key); }

    Result<json::Value> get(const std::string& path);
    Result<json::Value> post(const std::string& path, const json::Value& body);
    Result<json::Value> upload(std::string name, std::string content);
    /// An answer that is no JSON.
    Result<std::string> get_text(const std::string& path);
    /// An address from somewhere else, without the key.
    Result<std::string> fetch(const std::string& url);

    /// Looks again until `ready`, for half a minute. `what` is for the failure: "it is delivered".
    Result<json::Value> wait_for(std::string_view what, const std::string& path,
                                 const std::function<bool(const json::Value&)>& ready);
    Result<> wait_until(std::string_view what, const std::function<bool()>& ready);

    /// Asked while waiting; true ends the wait with a failure.
    std::function<bool()> is_interrupted = [] { return false; };

  private:
    Result<cli::CallAnswer> call(cli::CallRequest request);
    Result<> pause(int& turns, std::string_view what);

    std::string url_;
    std::string key_;
    cli::HttpCaller caller_;
};

}  // namespace blotter::server
