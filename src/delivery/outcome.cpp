#include "delivery/outcome.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/invariant.hpp"
#include "base/utf8.hpp"
#include "delivery/retry_after.hpp"

namespace blotter::delivery {
namespace {

constexpr std::size_t detail_bytes_max = 200;

std::string_view words_of(OutcomeCode code) {
    switch (code) {
#define X(name, number, kind, words) \
    case OutcomeCode::name:          \
        return words;
#include "delivery/outcome.def"
#undef X
    }
    return "";
}

OutcomeCode code_of_status(int status) {
    if (status < 200 || status > 599) return OutcomeCode::bad_status;
    if (status < 300) return OutcomeCode::delivered;
    if (status < 400) return OutcomeCode::redirect;
    switch (status) {
        case 410:
            return OutcomeCode::gone;
        case 429:
            return OutcomeCode::throttled;
        case 502:
            return OutcomeCode::bad_gateway;
        case 503:
            return OutcomeCode::unavailable;
        case 504:
            return OutcomeCode::gateway_timeout;
        default:
            return status < 500 ? OutcomeCode::refused : OutcomeCode::server_error;
    }
}

std::string wait_for_people(Duration waited) {
    const std::int64_t ms = std::max<std::int64_t>(waited.count(), 0);
    if (ms < 1'000) return fmt::format("{} ms", ms);
    if (ms % 1'000 == 0) return fmt::format("{} s", ms / 1'000);
    return fmt::format("{}.{} s", ms / 1'000, ms % 1'000 / 100);
}

/// One printable line: control characters become spaces, bytes that are not UTF-8 end it.
std::string cleaned(std::string_view detail) {
    std::string out{cut_utf8(detail.substr(0, find_invalid_utf8(detail).value_or(detail.size())),
                             detail_bytes_max)};
    std::ranges::replace_if(
        out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return out;
}

bool is_timeout(OutcomeCode code) {
    return code == OutcomeCode::answer_timeout || code == OutcomeCode::connect_timeout ||
           code == OutcomeCode::tls_timeout;
}

}  // namespace

std::string_view to_text(OutcomeCode code) {
    switch (code) {
#define X(name, number, kind, words) \
    case OutcomeCode::name:          \
        return #name;
#include "delivery/outcome.def"
#undef X
    }
    return "";
}

std::optional<OutcomeCode> outcome_code_from(std::int64_t stored) {
    switch (stored) {
#define X(name, number, kind, words) \
    case number:                     \
        return OutcomeCode::name;
#include "delivery/outcome.def"
#undef X
        default:
            return {};
    }
}

OutcomeKind kind_of(OutcomeCode code) {
    switch (code) {
#define X(name, number, kind, words) \
    case OutcomeCode::name:          \
        return OutcomeKind::kind;
#include "delivery/outcome.def"
#undef X
    }
    return OutcomeKind::not_sent;
}

bool asks_to_slow_down(OutcomeKind kind) {
    return kind == OutcomeKind::throttled || kind == OutcomeKind::overloaded;
}

bool speaks_against_receiver(OutcomeKind kind) {
    switch (kind) {
        case OutcomeKind::server_error:
        case OutcomeKind::overloaded:
        case OutcomeKind::no_answer:
        case OutcomeKind::unreachable:
            return true;
        default:
            return false;
    }
}

Outcome classify(const Answer& answer) {
    const OutcomeCode code = code_of_status(answer.status);
    if (code == OutcomeCode::delivered)
        return {.code = code, .status = static_cast<std::uint16_t>(answer.status)};
    const bool shown = answer.status >= 0 && answer.status <= 999;
    const std::string_view phrase = reason_phrase(answer.status);
    std::string line = "the receiver answered ";
    line += shown ? std::to_string(answer.status) : "a status out of range";
    if (!phrase.empty()) line.append(1, ' ').append(phrase);
    if (code == OutcomeCode::redirect || code == OutcomeCode::gone ||
        code == OutcomeCode::bad_status)
        line.append("; ").append(words_of(code));

    Outcome outcome{.code = code,
                    .status = static_cast<std::uint16_t>(shown ? answer.status : 0),
                    .words = std::move(line)};
    if (code != OutcomeCode::gone)
        outcome.retry_after = parse_retry_after(answer.retry_after, answer.at);
    return outcome;
}

Outcome classify(const Fault& fault) {
    INVARIANT(std::to_underlying(fault.code) >= std::to_underlying(OutcomeCode::answer_timeout));
    std::string line{words_of(fault.code)};
    if (is_timeout(fault.code)) line += " " + wait_for_people(fault.waited);
    if (fault.certificate_time) {
        const std::string day = to_rfc3339(*fault.certificate_time).substr(0, 10);
        if (fault.code == OutcomeCode::certificate_expired) line += " on " + day;
        if (fault.code == OutcomeCode::certificate_not_yet_valid) line += ": it begins on " + day;
    }
    if (!fault.detail.empty()) line += ": " + cleaned(fault.detail);
    return {.code = fault.code, .words = std::move(line)};
}

std::string_view reason_phrase(int status) {
    static constexpr std::array<std::pair<int, std::string_view>, 55> phrases{{
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {511, "Network Authentication Required"},
    }};
    const auto* found =
        std::ranges::lower_bound(phrases, status, {}, &std::pair<int, std::string_view>::first);
    return found != phrases.end() && found->first == status ? found->second : std::string_view{};
}

}  // namespace blotter::delivery
