#include "delivery/outcome.hpp"

#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

TEST(Outcome, takes_2xx_for_success_and_nothing_else) {
    for (int status = -10; status < 1'200; ++status) {
        const Outcome outcome = classify(Answer{.status = status, .at = test_epoch});
        EXPECT_EQ(outcome.kind() == OutcomeKind::success, status >= 200 && status < 300) << status;
        EXPECT_NE(outcome.kind(), OutcomeKind::not_sent);
        EXPECT_EQ(outcome.words.empty(), status >= 200 && status < 300) << status;
    }
}

TEST(Outcome, tells_answers_apart) {
    const struct {
        int status;
        OutcomeCode code;
        OutcomeKind kind;
        std::string_view words;
    } cases[] = {
        {200, OutcomeCode::delivered, OutcomeKind::success, ""},
        {299, OutcomeCode::delivered, OutcomeKind::success, ""},
        {302, OutcomeCode::redirect, OutcomeKind::refused,
         "the receiver answered 302 Found; redirects are not followed"},
        {304, OutcomeCode::redirect, OutcomeKind::refused,
         "the receiver answered 304 Not Modified; redirects are not followed"},
        {401, OutcomeCode::refused, OutcomeKind::refused, "the receiver answered 401 Unauthorized"},
        {418, OutcomeCode::refused, OutcomeKind::refused, "the receiver answered 418"},
        {410, OutcomeCode::gone, OutcomeKind::gone,
         "the receiver answered 410 Gone; the receiver no longer exists and its destination is "
         "disabled"},
        {429, OutcomeCode::throttled, OutcomeKind::throttled,
         "the receiver answered 429 Too Many Requests"},
        {500, OutcomeCode::server_error, OutcomeKind::server_error,
         "the receiver answered 500 Internal Server Error"},
        {502, OutcomeCode::bad_gateway, OutcomeKind::overloaded,
         "the receiver answered 502 Bad Gateway"},
        {503, OutcomeCode::unavailable, OutcomeKind::overloaded,
         "the receiver answered 503 Service Unavailable"},
        {504, OutcomeCode::gateway_timeout, OutcomeKind::overloaded,
         "the receiver answered 504 Gateway Timeout"},
        {101, OutcomeCode::bad_status, OutcomeKind::server_error,
         "the receiver answered 101 Switching Protocols; this is not the status of a finished "
         "answer"},
        {999, OutcomeCode::bad_status, OutcomeKind::server_error,
         "the receiver answered 999; this is not the status of a finished answer"},
        {-1, OutcomeCode::bad_status, OutcomeKind::server_error,
         "the receiver answered a status out of range; this is not the status of a finished "
         "answer"},
    };
    for (const auto& each : cases) {
        const Outcome outcome = classify(Answer{.status = each.status, .at = test_epoch});
        EXPECT_EQ(outcome.code, each.code) << each.status;
        EXPECT_EQ(outcome.kind(), each.kind) << each.status;
        EXPECT_EQ(outcome.words, each.words);
        EXPECT_EQ(outcome.status, each.status < 0 ? 0 : each.status);
    }
}

TEST(Outcome, slows_down_for_exactly_429_502_503_504) {
    for (int status = 100; status < 600; ++status) {
        const bool expected = status == 429 || status == 502 || status == 503 || status == 504;
        const Outcome outcome = classify(Answer{.status = status, .at = test_epoch});
        EXPECT_EQ(asks_to_slow_down(outcome.kind()), expected) << status;
    }
}

TEST(Outcome, keeps_retry_after_of_failures_only) {
    const auto asked = [](int status, std::string_view value) {
        return classify(Answer{.status = status, .retry_after = value, .at = test_epoch})
            .retry_after;
    };
    EXPECT_EQ(asked(503, "90"), Duration{90s});
    EXPECT_EQ(asked(429, "Tue, 26 May 2026 14:33:00 GMT"), Duration{1min});
    EXPECT_EQ(asked(404, "90"), Duration{90s});
    EXPECT_EQ(asked(503, "-1"), std::nullopt);
    EXPECT_EQ(asked(503, ""), std::nullopt);
    EXPECT_EQ(asked(200, "90"), std::nullopt);
    EXPECT_EQ(asked(410, "90"), std::nullopt);
}

TEST(Outcome, says_in_words_why_there_was_no_answer) {
    const auto words = [](const Fault& fault) { return classify(fault).words; };
    EXPECT_EQ(words({.code = OutcomeCode::answer_timeout, .waited = 30s}), "no answer within 30 s");
    EXPECT_EQ(words({.code = OutcomeCode::connect_timeout, .waited = 2'500ms}),
              "no connection within 2.5 s");
    EXPECT_EQ(words({.code = OutcomeCode::tls_timeout, .waited = 250ms}),
              "no TLS session within 250 ms");
    const Timestamp march = parse_rfc3339("2026-03-01T10:00:00Z").value();
    EXPECT_EQ(words({.code = OutcomeCode::certificate_expired, .certificate_time = march}),
              "the certificate expired on 2026-03-01");
    EXPECT_EQ(words({.code = OutcomeCode::certificate_not_yet_valid, .certificate_time = march}),
              "the certificate is not valid yet: it begins on 2026-03-01");
    EXPECT_EQ(words({.code = OutcomeCode::connect_refused, .detail = "192.0.2.7 port 443"}),
              "the receiver refused the connection: 192.0.2.7 port 443");
}

TEST(Outcome, cleans_details_that_come_from_outside) {
    const Outcome outcome = classify(
        Fault{.code = OutcomeCode::protocol_error, .detail = "bad\r\nline\x1b[31m\x7f tail"});
    EXPECT_EQ(outcome.words, "the answer is not valid HTTP: bad  line [31m  tail");
    const std::string endless(100'000, 'x');
    EXPECT_LT(classify(Fault{.code = OutcomeCode::tls_failed, .detail = endless}).words.size(),
              300U);
    EXPECT_EQ(classify(Fault{.code = OutcomeCode::tls_failed, .detail = "good\xff\xfe"}).words,
              "the TLS handshake failed: good");
}

TEST(Outcome, has_stable_numbers_and_names) {
    // Stored with attempts: these pairs must never change.
    EXPECT_EQ(std::to_underlying(OutcomeCode::delivered), 1);
    EXPECT_EQ(std::to_underlying(OutcomeCode::gone), 12);
    EXPECT_EQ(std::to_underlying(OutcomeCode::answer_timeout), 30);
    EXPECT_EQ(std::to_underlying(OutcomeCode::resolve_failed), 40);
    EXPECT_EQ(std::to_underlying(OutcomeCode::certificate_expired), 52);
    EXPECT_EQ(std::to_underlying(OutcomeCode::not_sent), 71);
    EXPECT_EQ(std::to_underlying(OutcomeCode::circuit_open), 72);
    std::set<std::string_view> names;
    for (std::int64_t stored = -1; stored < 300; ++stored) {
        const auto code = outcome_code_from(stored);
        if (!code) continue;
        EXPECT_EQ(std::to_underlying(*code), stored);
        EXPECT_TRUE(names.insert(to_text(*code)).second);
    }
    // As many as the table has lines: no number stands for two, none is out of reach.
    EXPECT_EQ(names.size(), outcome_count);
    EXPECT_FALSE(outcome_code_from(0));
    EXPECT_FALSE(outcome_code_from(257));
}

TEST(Outcome, counts_lost_connections_as_unreachable_and_silence_as_no_answer) {
    for (const OutcomeCode code :
         {OutcomeCode::connect_timeout, OutcomeCode::connect_refused, OutcomeCode::resolve_failed,
          OutcomeCode::certificate_expired, OutcomeCode::tls_version})
        EXPECT_EQ(kind_of(code), OutcomeKind::unreachable) << to_text(code);
    EXPECT_EQ(kind_of(OutcomeCode::answer_timeout), OutcomeKind::no_answer);
    EXPECT_EQ(kind_of(OutcomeCode::connection_closed), OutcomeKind::no_answer);
}

}  // namespace
}  // namespace blotter::delivery
