#pragma once

#include <string>

#include "api/document_store.hpp"
#include "delivery/outcome.hpp"

/// Sending: one request at a time for each document, under one id.
namespace blotter::api {

struct SendRequest {
    DocumentPlace place;
    documents::Cause cause = documents::Cause::person;
};

struct SendReport {
    enum class What : std::uint8_t {
        sent,
        already_sent,  ///< before; nothing went out
        failed,        ///< the accounting system refused it, or it never left
        unknown,       ///< it left, and no answer came
        not_due,       ///< of a retry: somebody else was faster
    };
    What what = What::unknown;
    std::string message;  ///< for people
    documents::Document document;
};
std::string_view to_text(SendReport::What what);

/// Makes one attempt: stores `sending`, posts, stores what came of it. Ends within the time limit
/// of the receiver and two commits. Errc::conflict with the reason, and nothing sent, when the
/// document cannot be sent now; overloaded when too many are under way on this loop.
runtime::Task<Result<SendReport>> send_document(Services& services, SendRequest request);

/// What a posting came to, in the machine's terms. Pure.
struct Judgement {
    documents::Outcome outcome = documents::Outcome::unknown;
    std::string code;     ///< "sent", "http_error", "timed_out", or an outcome of a delivery
    std::string message;  ///< for people; nothing from outside is in it unescaped
    std::optional<int> status;
    delivery::OutcomeKind kind = delivery::OutcomeKind::no_answer;
    std::optional<Duration> retry_after;
};
Judgement judge_posting(const connectors::PostingReport& report, Duration time_max, Timestamp now);

/// What the test button does: one posting of a sample with the stored settings of that scope,
/// whether they are enabled or not. Nothing is stored but the fact.
struct TestReport {
    Judgement judgement;
    std::string request_id;
    std::string reference;
    std::chrono::milliseconds took{0};
};
struct TestPlace {
    std::int64_t workspace_no = 0;
    std::int64_t entity_no = 0;  ///< 0: the workspace's webhook
};
runtime::Task<Result<TestReport>> send_sample(Services& services, TestPlace place);

}  // namespace blotter::api
