#include "connectors/http_attempt.hpp"

#include <algorithm>
#include <vector>

#include "connectors/reference_id.hpp"

namespace blotter::connectors {
namespace {

Result<security::IpAddress> to_security(const runtime::IpAddress& address) {
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        return security::IpAddress::from_bytes(bytes);
    }
    const auto bytes = address.to_v6().to_bytes();
    return security::IpAddress::from_bytes(bytes);
}

/// "192.0.2.1:443", "[2001:db8::1]:443". The usual kind by hand: the library goes through sprintf.
std::string shown(const runtime::Endpoint& at) {
    const std::string port = std::to_string(at.port());
    if (at.address().is_v6()) return "[" + at.address().to_string() + "]:" + port;
    std::string out;
    for (const std::uint8_t byte : at.address().to_v4().to_bytes()) {
        if (!out.empty()) out += '.';
        out += std::to_string(byte);
    }
    return out.append(":").append(port);
}

constexpr std::size_t secret_bytes_min = 4;
constexpr std::string_view concealed = "(a secret)";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
}

/// Some writers of JSON put a backslash before every slash.
std::string with_escaped_slashes(std::string_view text) {
    std::string out{text};
    replace_all(out, "/", "\\/");
    return out;
}

/// The beginning of a secret, where a text was cut in the middle of it.
void drop_begun(std::string& text, std::string_view secret) {
    for (std::size_t n = std::min(text.size(), secret.size() - 1); n > 0; --n)
        if (text.ends_with(secret.substr(0, n))) return text.resize(text.size() - n);
}

}  // namespace

http::AddressCheck make_check(const security::EgressGuard& guard) {
    return [&guard](const runtime::IpAddress& address, std::uint16_t port) -> Result<> {
        TRY(const security::IpAddress ip, to_security(address));
        return guard.check_address({ip, port});
    };
}

Stage stage_of(http::Stage stage) {
    switch (stage) {
        case http::Stage::resolve:
        case http::Stage::vet:
            return Stage::resolve;
        case http::Stage::connect:
            return Stage::connect;
        case http::Stage::tls:
            return Stage::tls;
        case http::Stage::write:
            return Stage::send;
        case http::Stage::head:
        case http::Stage::body:
            return Stage::answer;
    }
    return Stage::answer;
}

void note_facts(const http::Facts& facts, Attempt& attempt) {
    attempt.took = std::chrono::duration_cast<std::chrono::microseconds>(facts.timings.total);
    if (facts.remote) attempt.address = shown(*facts.remote);
    if (!facts.tls) return;
    attempt.tls_version = facts.tls->version;
    attempt.tls_cipher = facts.tls->cipher;
    attempt.peer_certificate_sha256 = facts.tls->peer_certificate_sha256;
}

void read_answer(const http::Answer& answer, const AnswerLimits& limits, AttemptReport& report) {
    Attempt& attempt = report.attempt;
    note_facts(answer.facts, attempt);
    report.stage = Stage::done;
    report.status = answer.status;
    report.retry_after = std::string{answer.headers.get("retry-after").substr(0, 128)};
    attempt.status = answer.status;
    attempt.answer_type = std::string{answer.headers.get("content-type").substr(0, 256)};
    attempt.answer = answer.body.substr(0, limits.kept_max);
    attempt.answer_cut =
        answer.body_end != http::BodyEnd::complete || answer.body.size() > attempt.answer.size();
    const bool success = answer.status >= 200 && answer.status <= 299;
    if (success && answer.body_end == http::BodyEnd::complete)
        attempt.reference = reference_id_of(answer.body);
}

void conceal(std::string_view secret, Attempt& attempt) {
    if (secret.size() < secret_bytes_min) return;
    std::vector<std::string> forms{std::string{secret}};
    if (secret.contains('/')) forms.push_back(with_escaped_slashes(secret));
    for (const std::string& form : forms) {
        replace_all(attempt.answer, form, concealed);
        replace_all(attempt.reference, form, concealed);
        if (attempt.answer_cut) drop_begun(attempt.answer, form);
    }
}

}  // namespace blotter::connectors
