#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "security/hmac.hpp"
#include "security/webhook_secret.hpp"

namespace blotter::security {

/// How the extra signature header of a destination is written (values are stored; never renumber).
enum class CompatForm : std::uint8_t {
    hex_of_body = 1,   ///< hex(HMAC-SHA-256(text of the secret, body)), the newest secret only
    time_and_hex = 2,  ///< `t=SECONDS,v1=HEX[,v1=HEX…]` over `SECONDS.body`, one v1 per secret
};

/// The compatibility signature of one destination, for receivers older than Standard Webhooks. It
/// is keyed with the *text* of the secret exactly as its owner sees it, `whsec_` included, because
/// such receivers pass the string that they were given to their HMAC function. Not thread-safe.
class CompatSigner {
  public:
    /// One to four HMAC secrets, the newest first. Refuses Ed25519.
    static Result<CompatSigner> create(CompatForm form, std::span<const WebhookSecret> secrets);

    /// Appends the header's value. `at` counts only where the form has a time in it.
    void append_signature(std::string& out, std::chrono::sys_seconds at, ByteView body);

  private:
    CompatForm form_ = CompatForm::hex_of_body;
    std::vector<HmacSha256> keys_;
};

}  // namespace blotter::security
