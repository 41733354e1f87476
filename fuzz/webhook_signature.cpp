// Standard Webhooks as a receiver checks them. An accepted message is one that its sender signed,
// byte for byte.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/time.hpp"
#include "fuzz/target.hpp"
#include "security/standard_webhooks.hpp"

namespace blotter::fuzz {
namespace {

using namespace security;

constexpr std::string_view secret_text = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr std::string_view seed_text = "whsk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr Timestamp now = from_ms(1'779'805'920'000);

struct Sender {
    WebhookSigner signer;
    WebhookVerifier verifier;
};

Sender& sender() {
    static Sender made = [] {
        std::vector<WebhookSecret> secrets;
        secrets.push_back(WebhookSecret::parse(secret_text).value());
        secrets.push_back(WebhookSecret::parse(seed_text).value());
        const std::string public_text = secrets[1].public_text().value();
        const std::string_view keys[] = {secret_text, public_text};
        return Sender{WebhookSigner::create(secrets).value(),
                      WebhookVerifier::create(keys).value()};
    }();
    return made;
}

/// What the sender would have sent; empty when it would not have sent this at all.
std::string expected(const WebhookHeaders& headers, ByteView body) {
    std::int64_t seconds = 0;
    const char* const end = headers.timestamp.data() + headers.timestamp.size();
    const auto [stop, error] = std::from_chars(headers.timestamp.data(), end, seconds);
    if (error != std::errc{} || stop != end || std::to_string(seconds) != headers.timestamp)
        return {};
    const std::chrono::sys_seconds at{std::chrono::seconds{seconds}};
    const auto distance = std::chrono::floor<std::chrono::seconds>(now) - at;
    if (distance > webhook_tolerance || distance < -webhook_tolerance) return {};
    return sender().signer.sign({headers.id, at, body}).value_or("");
}

bool has_one_of(std::string_view list, std::string_view wanted) {
    while (!list.empty()) {
        const std::string_view item = take_until(list, ' ');
        std::string_view rest = wanted;
        while (!rest.empty())
            if (take_until(rest, ' ') == item) return true;
    }
    return false;
}

void check(const WebhookHeaders& headers, ByteView body) {
    const auto verdict = sender().verifier.verify(headers, body, now);
    if (verdict) INVARIANT(has_one_of(headers.signature, expected(headers, body)));
    if (!verdict) INVARIANT(verdict.error().code == Errc::bad_signature);
}

/// A genuine message, then the same with one thing changed.
void check_genuine(std::string_view input) {
    Draw draw{input};
    const std::string id = fmt::format("evt_{}", draw.next());
    std::string body{input};
    const auto at =
        webhook_second(now) + std::chrono::seconds{draw.below(600)} - std::chrono::seconds{300};
    const std::string time = std::to_string(at.time_since_epoch().count());
    const std::string signature = sender().signer.sign({id, at, as_bytes(body)}).value();
    INVARIANT(sender().verifier.verify({id, time, signature}, as_bytes(body), now));
    if (body.empty()) return;
    body[draw.below(body.size())] ^= static_cast<char>(1U << draw.below(8));
    INVARIANT(!sender().verifier.verify({id, time, signature}, as_bytes(body), now));
}

}  // namespace

/// Id, time and signatures on a line each, then the body.
void run(std::string_view input) {
    std::string_view rest = input;
    const std::string_view id = take_until(rest, '\n');
    const std::string_view time = take_until(rest, '\n');
    const std::string_view signature = take_until(rest, '\n');
    check({id, time, signature}, as_bytes(rest));
    check_genuine(rest);
}

}  // namespace blotter::fuzz
