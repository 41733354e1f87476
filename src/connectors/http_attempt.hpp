#pragma once

#include "connectors/connector.hpp"
#include "http/client.hpp"
#include "security/egress.hpp"

/// What kinds of destinations share that speak HTTP.
namespace blotter::connectors {

/// The guard's judgement of every address, at every connection. `guard` outlives the check.
http::AddressCheck make_check(const security::EgressGuard& guard);

/// How far the exchange came, in the words of an attempt.
Stage stage_of(http::Stage stage);

/// Address, TLS and duration.
void note_facts(const http::Facts& facts, Attempt& attempt);

/// How much of an answer is kept.
struct AnswerLimits {
    std::size_t kept_max = 16 * 1024;
};
/// Status, excerpt and, of a success, the accounting reference id.
void read_answer(const http::Answer& answer, const AnswerLimits& limits, AttemptReport& report);

/// Takes a secret that was sent out of what came back, because some receivers repeat what they got:
/// answers are shown to people who may not see it. Shorter than 4 bytes it is no secret.
void conceal(std::string_view secret, Attempt& attempt);

}  // namespace blotter::connectors
