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

}  // namespace blotter::connectors
