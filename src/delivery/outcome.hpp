#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace blotter::delivery {

/// What an attempt came to, from outcome.def. Stored with the attempt and public.
enum class OutcomeCode : std::uint8_t {
#define X(name, number, kind, words) name = number,
#include "delivery/outcome.def"
#undef X
};
/// How many codes there are, and one more than the largest stored number: the size of a table of
/// them.
inline constexpr std::size_t outcome_count = 0
#define X(name, number, kind, words) +1
#include "delivery/outcome.def"
#undef X
    ;
inline constexpr std::size_t outcome_numbers = 1 + std::max({
#define X(name, number, kind, words) number,
#include "delivery/outcome.def"
#undef X
                                                   });

/// What the policies need to know of an outcome. Not stored.
enum class OutcomeKind : std::uint8_t {
    success,       ///< 2xx
    gone,          ///< 410: stop and disable
    refused,       ///< 3xx, 4xx or our own fault: the receiver is alive, this event did not pass
    throttled,     ///< 429: alive, but asks for less
    server_error,  ///< 5xx other than the next, or a broken answer
    overloaded,    ///< 502, 503, 504
    no_answer,     ///< connected, but no answer came in time
    unreachable,   ///< no connection, TLS included
    blocked,       ///< nothing goes through until a person changes something: it waits
    hopeless,      ///< this event will never pass, whatever is tried
    unclear,       ///< it may have passed, and must not be sent again unasked
    not_sent,      ///< nothing left us: no attempt at all
};

/// The stable public name of a code, for example "answer_timeout".
std::string_view to_text(OutcomeCode code);
/// The code of a stored number, if it is one of ours.
std::optional<OutcomeCode> outcome_code_from(std::int64_t stored);
OutcomeKind kind_of(OutcomeCode code);

/// 429, 502, 503, 504: the rate towards the destination is halved.
bool asks_to_slow_down(OutcomeKind kind);

/// No connection, no answer, or one that says that the receiver is broken: its circuit counts it.
bool speaks_against_receiver(OutcomeKind kind);

/// One attempt, judged. `words` is one line for people, empty for a success: nothing from outside
/// is in it unescaped.
struct Outcome {
    OutcomeCode code = OutcomeCode::not_sent;
    std::uint16_t status = 0;  ///< HTTP status, 0 when there was none
    std::optional<Duration> retry_after;
    std::string words;

    OutcomeKind kind() const { return kind_of(code); }
    bool operator==(const Outcome&) const = default;
};

/// The head of an answer.
struct Answer {
    int status = 0;
    std::string_view retry_after;  ///< the header's value, empty when there is none
    Timestamp at;
};

/// Judges an answer by its status alone: 2xx is success and nothing else is.
Outcome classify(const Answer& answer);

/// A failure without an answer.
struct Fault {
    OutcomeCode code = OutcomeCode::connect_failed;
    Duration waited{0};                         ///< for the timeouts
    std::optional<Timestamp> certificate_time;  ///< expiry or begin, for the certificate codes
    std::string_view detail;  ///< more, from a library or the network; shortened and cleaned here
};

/// Judges a failure without an answer. A code that means an answer is a programming error.
Outcome classify(const Fault& fault);

/// "Service Unavailable" for 503; empty for a status without a registered phrase (RFC 9110, 6585).
/// What the receiver writes there is never shown.
std::string_view reason_phrase(int status);

}  // namespace blotter::delivery
