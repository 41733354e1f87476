#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "http/message.hpp"

namespace blotter::cli {

/// One request, written by a command.
struct CallRequest {
    http::Method method = http::Method::get;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    Duration timeout = std::chrono::seconds{60};
    std::size_t answer_bytes_max = 64 << 20;
};

struct CallAnswer {
    int status = 0;
    http::Headers headers;
    std::string body;
    Duration took{};

    bool is_success() const { return status >= 200 && status < 300; }
    /// The body as JSON.
    Result<json::Value> document() const;
    /// What a problem document says, or the start of the body: for people.
    std::string words() const;
};

/// Makes requests one after the other and waits for each: for commands, never for a server. Any
/// address may be called: the caller typed it. One thread.
class HttpCaller {
  public:
    HttpCaller();
    ~HttpCaller();
    HttpCaller(const HttpCaller&) = delete;
    HttpCaller& operator=(const HttpCaller&) = delete;

    /// Any answer is a success here. Errors name the address.
    Result<CallAnswer> call(CallRequest request);
    /// Waits, for commands that look again until something has happened.
    void pause(Duration time);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace blotter::cli
