#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/net.hpp"

namespace blotter::sim {

/// HTTP as the simulated outside world speaks it: just enough, and none of the program's own.
struct Message {
    std::string head;  ///< with the empty line
    std::string body;
    /// The value of a header field, "" when there is none. `name` in lower case.
    std::string field(std::string_view name) const;
    int status() const;
};

/// The next whole message of a stream. Keeps what came too much.
class MessageReader {
  public:
    explicit MessageReader(runtime::Stream& stream) : stream_(stream) {}
    runtime::Task<std::optional<Message>> next(MonoTime deadline);

  private:
    runtime::Stream& stream_;
    std::string buffer_;
};

/// The text of a member of a JSON text, wherever it is: "" when there is none. Strings without
/// escapes, and numbers.
std::string member(std::string_view json, std::string_view name);

std::string hmac_base64(std::string_view secret_base64, std::string_view message);
std::string from_base64(std::string_view text);
/// "blt_…" and other texts end with a line break in files.
std::string trimmed(std::string text);

}  // namespace blotter::sim
