#include "security/compat_signature.hpp"

#include "security/standard_webhooks.hpp"

namespace blotter::security {

Result<CompatSigner> CompatSigner::create(CompatForm form, std::span<const WebhookSecret> secrets) {
    if (secrets.empty() || secrets.size() > webhook_keys_max)
        return fail(Errc::invalid_argument, "a destination has one to four secrets at a time");
    CompatSigner signer;
    signer.form_ = form;
    for (const WebhookSecret& secret : secrets) {
        if (secret.kind() != WebhookSecretKind::hmac)
            return fail(Errc::invalid_argument,
                        "the compatibility signature needs an HMAC secret, not an Ed25519 one "
                        "(whsk_)");
        signer.keys_.emplace_back(secret.text().expose());
        if (form == CompatForm::hex_of_body) break;
    }
    return signer;
}

void CompatSigner::append_signature(std::string& out, std::chrono::sys_seconds at, ByteView body) {
    if (form_ == CompatForm::hex_of_body) {
        out += to_hex(keys_.front().of({body}));
        return;
    }
    const std::string seconds = std::to_string(at.time_since_epoch().count());
    out += "t=" + seconds;
    for (HmacSha256& key : keys_)
        out += ",v1=" + to_hex(key.of({as_bytes(seconds), as_bytes("."), body}));
}

}  // namespace blotter::security
