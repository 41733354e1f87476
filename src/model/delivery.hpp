#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/request_form.hpp"

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
    /// The request's lines, secrets replaced: their form, null when nothing was to be sent, and the
    /// bytes that are this attempt's own.
    std::shared_ptr<const RequestForm> request;
    std::string request_own;
    std::string answer;       ///< the first 16 KiB, as received
    std::string answer_type;  ///< its content type
    bool answer_cut = false;
    std::string reference;  ///< the accounting reference id in the answer, if any

    /// One per line; empty when nothing was to be sent.
    std::string request_headers(const EventId& event) const {
        if (!request) return {};
        return RequestForm::join(request->text(), {event, started_at}, as_bytes(request_own))
            .value_or(std::string{});
    }
};

}  // namespace blotter
