#include "api/document_sender.hpp"

#include <fmt/format.h>

#include "api/accounting_settings.hpp"
#include "base/utf8.hpp"
#include "connectors/posting.hpp"
#include "delivery/engine.hpp"
#include "delivery/schedule.hpp"
#include "documents/payload.hpp"

namespace blotter::api {
namespace {

using documents::Document;

constexpr std::size_t excerpt_bytes_max = 300;
/// On one loop. Each is an open connection and a waiting request.
constexpr std::size_t under_way_max = 256;

struct EntropyRandom final : delivery::Random {
    explicit EntropyRandom(runtime::Entropy& from) : entropy(from) {}
    std::uint64_t next() override { return entropy.next(); }
    runtime::Entropy& entropy;
};

/// Counts a sending for as long as it lives.
class Slot {
  public:
    explicit Slot(std::size_t& count) : count_(count) { ++count_; }
    ~Slot() { --count_; }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

  private:
    std::size_t& count_;
};

/// Everything that one attempt needs, fixed when it was stored that it begins.
struct Order {
    Document document;
    documents::Route route;
    connectors::PostingRequest posting;
    bool retries = false;
};
/// No order: it was sent before, or somebody else was faster.
struct Begun {
    documents::Transition step;
    std::optional<Order> order;
};

documents::PayloadContext context_of(const routing::Directory& directory, std::int64_t workspace_no,
                                     const routing::EntityFacts& entity,
                                     const std::string& public_url) {
    documents::PayloadContext out;
    if (const auto* workspace = directory.workspace(workspace_no)) out.workspace = workspace->id;
    out.entity = entity.id;
    out.entity_reference = entity.reference;
    out.entity_name = entity.name;
    out.public_url = public_url;
    return out;
}

/// Address and key of a scope, ready to use.
Result<> aim(connectors::PostingRequest& posting, WriterSide& side,
             const config::Settings& settings, const security::EgressGuard& guard,
             const store::AccountingWebhookRow& row) {
    if (auto allowed = check_accounting_url(settings, guard, row.url); !allowed) {
        Error error = std::move(allowed).error();
        if (error.code == Errc::invalid_argument) error.code = Errc::conflict;
        error.pointer.clear();
        return pass(std::move(error));
    }
    posting.url = row.url;
    posting.time_max = settings.delivery.timeout;
    const ApiKeyPlace place =
        api_key_place(side.directory().get(), row.key.workspace_no, row.key.entity_no);
    posting.session_key =
        fmt::format("accounting {} {}", place.workspace.text(), place.entity.text());
    if (!row.api_key) return {};
    TRY(posting.api_key, open_api_key(side.keys(), place, *row.api_key));
    return {};
}

/// Stores that the attempt begins. After its commit, exactly one request may go out.
Result<Begun> begin(store::Tx& tx, WriterSide& side, Services& services,
                    const SendRequest& request) {
    const routing::Directory& directory = side.directory().get();
    TRY(const Document before, load_document(tx, side, request.place));
    const auto* entity = directory.entity(before.workspace_no, before.entity_no);
    if (entity == nullptr) return fail(Errc::conflict, "the document's entity does not exist");
    TRY(const StoredWebhooks webhooks,
        load_webhooks(tx.db(), {before.workspace_no, before.entity_no}));
    TRY(const documents::Route route, resolve_route(webhooks, *entity));
    Begun out;
    TRY(out.step,
        documents::apply(before, documents::Dispatch{request.cause, route}, side.clock().wall()));
    if (!out.step.changed) return out;
    Order order;
    order.document = out.step.next;
    order.route = route;
    const store::AccountingWebhookRow& row = *webhooks.at(route.scope);
    order.retries = row.retries;
    CHECK(aim(order.posting, side, services.settings, services.guard, row));
    order.posting.request_id = documents::request_id_of(before);
    order.posting.payload = documents::make_payload(
        order.document, context_of(directory, before.workspace_no, *entity, services.public_url));
    order.posting.n = order.document.sending.attempts;
    order.posting.started_at = *order.document.started_at;
    CHECK(write_step(tx, side, out.step));
    out.order = std::move(order);
    return out;
}

bool may_retry(const Judgement& judgement) {
    using delivery::OutcomeKind;
    switch (judgement.kind) {
        case OutcomeKind::throttled:
        case OutcomeKind::server_error:
        case OutcomeKind::overloaded:
        case OutcomeKind::no_answer:
        case OutcomeKind::unreachable:
        case OutcomeKind::not_sent:
            return true;
        case OutcomeKind::success:
        case OutcomeKind::gone:
        case OutcomeKind::refused:
        case OutcomeKind::blocked:
        case OutcomeKind::hopeless:
        case OutcomeKind::unclear:
            return false;
    }
    return false;
}

std::optional<Timestamp> next_attempt(Services& services, const Order& order,
                                      const Judgement& judgement, Timestamp now) {
    if (!order.retries || !may_retry(judgement)) return std::nullopt;
    const documents::Sending& sending = order.document.sending;
    const auto schedule = delivery::Schedule::create(
                              services.settings.delivery.schedule,
                              static_cast<std::uint32_t>(services.settings.delivery.jitter_percent))
                              .value_or(delivery::Schedule::standard());
    EntropyRandom random{services.entropy};
    return delivery::next_due(
        schedule,
        {sending.round_attempts, sending.round_started.value_or(now), now, judgement.retry_after},
        random);
}

std::string detail_of(const Judgement& judgement, const connectors::PostingReport& report) {
    const Attempt& attempt = report.attempt.attempt;
    json::Object out{{"code", judgement.code},
                     {"message", judgement.message},
                     {"request_headers", attempt.request_headers({})}};
    if (!attempt.address.empty()) out.append("address", attempt.address);
    if (!attempt.tls_version.empty()) out.append("tls_version", attempt.tls_version);
    if (!attempt.answer.empty() && !find_invalid_utf8(attempt.answer))
        out.append("answer", attempt.answer);
    if (attempt.answer_cut) out.append("answer_cut", true);
    if (!attempt.reference.empty()) out.append("reference", attempt.reference);
    return json::to_text(out);
}

/// What is stored of an attempt that ended.
struct Ending {
    DocumentPlace place;
    documents::Settle settle;
    store::SendRow row;
    std::string detail;
};

Ending ending_of(Services& services, const Order& order, documents::Cause cause,
                 const connectors::PostingReport& report, const Judgement& judgement) {
    const Timestamp now = services.loop.clock().wall();
    Ending out;
    out.place = {order.document.workspace_no, order.document.id};
    out.settle.attempt = order.document.sending.attempts;
    out.settle.outcome = judgement.outcome;
    out.settle.reference = report.attempt.attempt.reference;
    if (judgement.outcome != documents::Outcome::sent) {
        out.settle.error =
            documents::SendError{judgement.code, judgement.message, judgement.status, now};
        out.settle.retry_at = next_attempt(services, order, judgement, now);
        out.settle.given_up = cause == documents::Cause::retry && !out.settle.retry_at;
    }
    out.row.document_no = order.document.no;
    out.row.n = out.settle.attempt;
    out.row.started_at = order.posting.started_at;
    out.row.took = report.attempt.attempt.took;
    out.row.outcome = documents::to_text(judgement.outcome);
    out.row.status = judgement.status;
    out.detail = detail_of(judgement, report);
    return out;
}

Result<Document> settle(store::Tx& tx, WriterSide& side, Ending ending) {
    TRY(Document before, load_document(tx, side, ending.place));
    TRY(documents::Transition step, documents::apply(before, ending.settle, side.clock().wall()));
    if (!step.changed) return before;
    TRY(ending.row.detail, seal_detail(tx, side, before, ending.detail));
    CHECK(write_step(tx, side, step, std::move(ending.row)));
    return std::move(step.next);
}

std::string words_of_before(const Document& document) {
    std::string out = fmt::format("the document was sent before, at {}",
                                  to_rfc3339(document.sent_at.value_or(document.updated_at)));
    if (!document.sending.reference.empty())
        out += fmt::format(" (Ref: {})", document.sending.reference);
    return out + "; nothing was sent now. A forced send goes out under the same id";
}

SendReport report_without(const Begun& begun) {
    if (begun.step.already_sent)
        return {SendReport::What::already_sent, words_of_before(begun.step.next), begun.step.next};
    return {SendReport::What::not_due, "no attempt is due", begun.step.next};
}

SendReport::What what_of(documents::Outcome outcome) {
    switch (outcome) {
        case documents::Outcome::sent:
            return SendReport::What::sent;
        case documents::Outcome::failed:
            return SendReport::What::failed;
        case documents::Outcome::unknown:
            return SendReport::What::unknown;
    }
    return SendReport::What::unknown;
}

runtime::Task<connectors::PostingReport> post(Services& services, std::string kind,
                                              connectors::PostingRequest posting) {
    connectors::PostingConnector* connector =
        services.postings == nullptr ? nullptr : services.postings->find(kind);
    if (connector == nullptr) {
        connectors::PostingReport report;
        report.attempt.words = fmt::format("there is no connector of the kind '{}'", kind);
        co_return report;
    }
    co_return co_await connector->post(std::move(posting));
}

/// One printable line of an answer, bounded and quoted.
std::string excerpt_of(const std::string& answer) {
    if (answer.empty()) return {};
    if (find_invalid_utf8(answer)) return " The answer is not text.";
    std::string out = " It said: ";
    json::append_quoted(out, cut_utf8(answer, excerpt_bytes_max));
    if (answer.size() > excerpt_bytes_max) out += " …";
    return out;
}

/// Without an answer: how it failed, and whether it may have arrived.
void judge_silence(const connectors::PostingReport& report, Duration time_max,
                   const delivery::Outcome& outcome, Judgement& out) {
    const bool reached = report.reached == connectors::PostingReport::Reached::maybe;
    out.outcome = reached ? documents::Outcome::unknown : documents::Outcome::failed;
    out.code = delivery::to_text(outcome.code);
    out.message = fmt::format("The document was not sent: {}.", outcome.words);
    if (!reached) return;
    if (outcome.code == delivery::OutcomeCode::answer_timeout) {
        out.code = "timed_out";
        out.message = fmt::format(
            "The request timed out after {} s: the accounting system took it and did not answer.",
            static_cast<double>(time_max.count()) / 1'000);
    } else {
        out.message = fmt::format("The request was sent, and no answer came: {}.", outcome.words);
    }
    out.message +=
        " Whether it was posted is unknown. Send it again: it goes out under the same id.";
}

}  // namespace

std::string_view to_text(SendReport::What what) {
    switch (what) {
        case SendReport::What::sent:
            return "sent";
        case SendReport::What::already_sent:
            return "already_sent";
        case SendReport::What::failed:
            return "failed";
        case SendReport::What::unknown:
            return "unknown";
        case SendReport::What::not_due:
            return "not_due";
    }
    return "";
}

Judgement judge_posting(const connectors::PostingReport& report, Duration time_max, Timestamp now) {
    const delivery::Outcome outcome = delivery::judge(report.attempt, now);
    Judgement out;
    out.kind = outcome.kind();
    out.retry_after = outcome.retry_after;
    out.status = report.attempt.status;
    if (!report.attempt.status) {
        judge_silence(report, time_max, outcome, out);
        return out;
    }
    if (outcome.kind() == delivery::OutcomeKind::success) {
        out.outcome = documents::Outcome::sent;
        out.code = "sent";
        const std::string& reference = report.attempt.attempt.reference;
        out.message = "The accounting system accepted the document.";
        if (!reference.empty()) out.message += fmt::format(" Ref: {}", reference);
        return out;
    }
    out.outcome = documents::Outcome::failed;
    out.code = "http_error";
    const std::string_view phrase = delivery::reason_phrase(*out.status);
    out.message =
        fmt::format("The webhook URL returned the HTTP error {}{}{}.{}", *out.status,
                    phrase.empty() ? "" : " ", phrase, excerpt_of(report.attempt.attempt.answer));
    return out;
}

runtime::Task<Result<SendReport>> send_document(Services& services, SendRequest request) {
    if (services.postings_under_way >= under_way_max)
        co_return fail(Errc::overloaded, "too many documents are being sent; try again soon");
    const Slot slot{services.postings_under_way};
    CO_TRY(Begun begun, co_await store::write(
                            services.loop, services.writer, [&services, request](store::Tx& tx) {
                                return begin(tx, services.writer_side, services, request);
                            }));
    if (!begun.order) co_return report_without(begun);
    Order order = *std::move(begun.order);
    connectors::PostingRequest posting = std::move(order.posting);
    order.posting.started_at = posting.started_at;
    const Duration time_max = posting.time_max;
    const connectors::PostingReport report =
        co_await post(services, order.route.kind, std::move(posting));
    const Judgement judgement = judge_posting(report, time_max, services.loop.clock().wall());
    Ending ending = ending_of(services, order, request.cause, report, judgement);
    services.log.info("document.posted", {{"document", order.document.id},
                                          {"outcome", documents::to_text(judgement.outcome)},
                                          {"attempt", order.document.sending.attempts}});
    auto settled =
        co_await store::write(services.loop, services.writer,
                              [&services, ending = std::move(ending)](store::Tx& tx) mutable {
                                  return settle(tx, services.writer_side, std::move(ending));
                              });
    if (!settled) {
        services.log.error("document.outcome_not_written",
                           {{"document", order.document.id}, {"error", settled.error()}});
        co_return pass(std::move(settled).error());
    }
    co_return SendReport{what_of(judgement.outcome), judgement.message, *std::move(settled)};
}

runtime::Task<Result<TestReport>> send_sample(Services& services, TestPlace place) {
    if (services.postings_under_way >= under_way_max)
        co_return fail(Errc::overloaded, "too many documents are being sent; try again soon");
    const Slot slot{services.postings_under_way};
    CO_TRY(connectors::PostingRequest posting,
           co_await store::write(
               services.loop, services.writer,
               [&services, place](store::Tx& tx) -> Result<connectors::PostingRequest> {
                   WriterSide& side = services.writer_side;
                   TRY(const auto row, store::load_accounting_webhook(
                                           tx.db(), {place.workspace_no, place.entity_no}));
                   if (!row || row->url.empty())
                       return fail(Errc::conflict, "no URL is set here: there is nothing to test");
                   const auto key =
                       api_key_place(side.directory().get(), place.workspace_no, place.entity_no);
                   CHECK(side.keys().ensure(tx, key.workspace, place.workspace_no,
                                            side.clock().wall()));
                   connectors::PostingRequest out;
                   CHECK(aim(out, side, services.settings, services.guard, *row));
                   return out;
               }));
    TestReport out;
    const Timestamp now = services.loop.clock().wall();
    out.request_id = "test_" + services.entropy.id<RequestId>(now).text();
    documents::PayloadContext context = documents::example_context();
    const auto key = api_key_place(*services.directory, place.workspace_no, place.entity_no);
    context.workspace = key.workspace;
    context.public_url = services.public_url;
    if (const auto* entity = services.directory->entity(place.workspace_no, place.entity_no))
        context = context_of(*services.directory, place.workspace_no, *entity, services.public_url);
    posting.request_id = out.request_id;
    posting.payload = documents::make_sample_payload(context, out.request_id);
    posting.started_at = now;
    const Duration time_max = posting.time_max;
    const connectors::PostingReport report =
        co_await post(services, documents::Route{}.kind, std::move(posting));
    out.judgement = judge_posting(report, time_max, services.loop.clock().wall());
    out.reference = report.attempt.attempt.reference;
    out.took = std::chrono::duration_cast<std::chrono::milliseconds>(report.attempt.attempt.took);
    co_return out;
}

}  // namespace blotter::api
