#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace blotter {

/// One try of a delivery, as it is kept and shown. Holds no secret.
struct Attempt {
    std::uint32_t n = 1;
    Timestamp started_at;
    std::chrono::microseconds took{};
    std::string outcome;        ///< stable code: "delivered", "http_error", "timeout", …
    std::optional<int> status;  ///< of the answer
    std::string error;          ///< in words, empty on success
    std::string address;        ///< actually connected to
    std::string tls_version;
    std::string tls_cipher;
    std::string peer_certificate_sha256;
    /// Lines of the request, secrets replaced: those that are the same for each attempt of the
    /// destination, and those that are this one's own. The first may be null.
    std::shared_ptr<const std::string> request_head;
    std::string request_lines;
    std::string answer;       ///< the first 16 KiB, as received
    std::string answer_type;  ///< its content type
    bool answer_cut = false;
    std::string reference;  ///< the accounting reference id in the answer, if any

    std::string request_headers() const {
        return request_head ? *request_head + request_lines : request_lines;
    }
};

}  // namespace blotter
