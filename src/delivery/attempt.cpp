#include <fmt/format.h>

#include "base/json.hpp"
#include "base/utf8.hpp"
#include "delivery/engine.hpp"
#include "delivery/retry_after.hpp"
#include "store/tables/delivery_ids.hpp"
#include "store/tables/files.hpp"

namespace blotter::delivery {
namespace {

struct EntropyRandom final : Random {
    explicit EntropyRandom(runtime::Entropy& from) : entropy(from) {}
    std::uint64_t next() override { return entropy.next(); }
    runtime::Entropy& entropy;
};

OutcomeCode code_of(Errc failure, connectors::Stage stage) {
    using connectors::Stage;
    switch (failure) {
        case Errc::timeout:
            if (stage == Stage::resolve) return OutcomeCode::resolve_failed;
            if (stage == Stage::connect) return OutcomeCode::connect_timeout;
            if (stage == Stage::tls) return OutcomeCode::tls_timeout;
            return OutcomeCode::answer_timeout;
        case Errc::resolve_failed:
            return OutcomeCode::resolve_failed;
        case Errc::address_denied:
            return OutcomeCode::address_denied;
        case Errc::connect_failed:
            return OutcomeCode::connect_failed;
        case Errc::tls_failed:
            return OutcomeCode::tls_failed;
        case Errc::tls_version:
            return OutcomeCode::tls_version;
        case Errc::certificate_expired:
            return OutcomeCode::certificate_expired;
        case Errc::certificate_not_yet_valid:
            return OutcomeCode::certificate_not_yet_valid;
        case Errc::certificate_wrong_host:
            return OutcomeCode::certificate_wrong_host;
        case Errc::certificate_untrusted:
            return OutcomeCode::certificate_untrusted;
        case Errc::too_many_interim:
            return OutcomeCode::too_many_interim;
        case Errc::connection_closed:
            return OutcomeCode::connection_closed;
        case Errc::protocol_error:
            return OutcomeCode::protocol_error;
        case Errc::headers_too_large:
            return OutcomeCode::header_too_large;
        case Errc::cancelled:
            return OutcomeCode::not_sent;
        default:
            return OutcomeCode::not_built;
    }
}

}  // namespace

namespace {

OutcomeCode code_of(connectors::Verdict verdict) {
    using connectors::Verdict;
    switch (verdict) {
        case Verdict::by_status:
            break;
        case Verdict::delivered:
            return OutcomeCode::delivered;
        case Verdict::posted_before:
            return OutcomeCode::posted_before;
        case Verdict::folded:
            return OutcomeCode::folded;
        case Verdict::throttled:
            return OutcomeCode::throttled;
        case Verdict::retry:
            return OutcomeCode::server_error;
        case Verdict::blocked:
            return OutcomeCode::blocked;
        case Verdict::not_permitted:
            return OutcomeCode::not_permitted;
        case Verdict::unclear:
            return OutcomeCode::unclear;
    }
    return OutcomeCode::not_built;
}

Token token_of(OutcomeCode code) {
    const bool nothing_sent = code == OutcomeCode::posted_before || code == OutcomeCode::folded;
    return nothing_sent ? Token::unused : Token::used;
}

}  // namespace

Outcome judge(const connectors::AttemptReport& report, Timestamp now) {
    if (report.verdict != connectors::Verdict::by_status) {
        Outcome out{.code = code_of(report.verdict), .words = report.words};
        out.status = static_cast<std::uint16_t>(report.status.value_or(0));
        out.retry_after = parse_retry_after(report.retry_after, now);
        return out;
    }
    if (report.status) return classify(Answer{*report.status, report.retry_after, now});
    return classify(Fault{.code = code_of(report.failure, report.stage),
                          .waited = std::chrono::duration_cast<Duration>(report.attempt.took),
                          .detail = report.words});
}

namespace {

bool carries_links(const connectors::EventFacts& event) {
    const json::Value* files = event.data.find("files");
    return files != nullptr && files->as_object() != nullptr && !files->as_object()->empty();
}

runtime::Task<connectors::ReportPtr> report_no_connector() {
    auto report = std::make_unique<connectors::AttemptReport>();
    report->words = "there is no connector of this kind";
    co_return report;
}

}  // namespace

// Hands on the connector's own task: a coroutine around it would cost as much as a small part of
// it.
runtime::Task<connectors::ReportPtr> Engine::try_out(connectors::AttemptRequest request) {
    const auto found = parts_.connectors.find(request.target->destination.kind);
    if (found == parts_.connectors.end()) return report_no_connector();
    request.event = connectors::with_data(std::move(request.event), request.target->destination);
    return found->second->attempt(std::move(request));
}

Engine::Loaded Engine::fresh(const Start& start, Timestamp at) {
    const Waiting& waiting = waiting_[static_cast<std::size_t>(-1 - start.ref.delivery)];
    Loaded out;
    out.event = waiting.fresh.event;
    out.delivery_no = waiting.fresh.delivery_no;
    out.id =
        store::planned_delivery_id(waiting.fresh.event->id, waiting.fresh.target->destination.no);
    out.delivery.ends = at + schedule_window_max;
    out.erased = waiting.erased;
    return out;
}

runtime::Task<> Engine::attempt(Start start) {
    parts_.probe.in_flight.add();
    Result<Loaded> loaded{Loaded{}};
    Timestamp at = now();
    if (start.ref.delivery < 0) {
        *loaded = fresh(start, at);
    } else {
        // Given up, but not in the store yet.
        if (unwritten(start.ref.delivery) == Unwritten::final) {
            drop(start);
            co_return;
        }
        under_way_.insert(start.ref.delivery);
        auto read = co_await load(start);
        loaded = std::move(read);
        at = now();
    }
    Lane* lane = lane_at(start.ref.destination);
    if (!loaded || lane == nullptr) {
        if (!loaded) parts_.log.error("delivery.load_failed", {{"error", loaded.error()}});
        give_back(start);
        co_return;
    }
    if (loaded->erased) {
        end_erased(start, *loaded);
        co_return;
    }
    EntropyRandom random{parts_.entropy};
    // Kept by value: the lane may change or go while this waits.
    const routing::TargetPtr target = lane->target;
    auto started = decide(loaded->delivery, Started{},
                          Context{lane->schedule, gate_of(target->destination), at, random});
    if (!started || !std::holds_alternative<AwaitOutcome>(started->step)) {
        // Refused: it came to its end meanwhile (cancelled, window over).
        if (started)
            not_started(start, *loaded, *started);
        else
            drop(start);
        co_return;
    }
    loaded->delivery = started->after;
    const std::int64_t destination_no = target->destination.no;
    const bool first = loaded->delivery.attempts == 1;
    if (first) parts_.probe.wait_time.observe(at - loaded->event->accepted_at);
    if (loaded->has_row) {
        const bool renewed = co_await renew_links(*loaded, destination_no);
        if (!renewed) {
            give_back(start);
            co_return;
        }
        at = now();
    }
    if (erased_.contains(loaded->event->seq)) {
        end_erased(start, *loaded);
        co_return;
    }
    connectors::AttemptRequest request{loaded->event, target, loaded->delivery.attempts, at};
    const connectors::ReportPtr report = co_await try_out(std::move(request));
    settle(start, *loaded, target->destination, *report);
}

/// What an attempt came to. The lane may have changed, or gone, while it was under way.
void Engine::settle(const Start& start, const Loaded& loaded, const Destination& destination,
                    connectors::AttemptReport& report) {
    parts_.probe.attempt_time.observe(report.attempt.took);
    const Lane* lane = lane_of(destination.no);
    const Schedule schedule = lane ? lane->schedule : Schedule::standard();
    const Timestamp at = now();
    const Outcome outcome = judge(report, at);
    parts_.probe.attempted(outcome.code);
    report.attempt.error = outcome.kind() == OutcomeKind::success ? "" : outcome.words;
    const Gate gate = lane ? gate_of(lane->target->destination) : Gate::disabled;
    EntropyRandom random{parts_.entropy};
    const auto ended = decide(loaded.delivery, Ended{outcome}, Context{schedule, gate, at, random});
    INVARIANT(ended.has_value());
    log_attempt(loaded, destination, *ended, outcome, report);
    conclude(start, loaded, destination.no, *ended, outcome, report);
    pump();
}

/// A row, with its event.
OWN_FRAME runtime::Task<Result<Engine::Loaded>> Engine::load(Start start) {
    Loaded out;
    struct Read {
        store::DeliveryRow row;
        intake::SealedEvent event;
    };
    auto read = co_await store::read(
        parts_.loop, parts_.reader, [no = start.ref.delivery](sql::Connection& db) -> Result<Read> {
            TRY(auto row, store::load_delivery(db, no));
            if (!row) return fail(Errc::not_found, "the delivery is no longer kept");
            TRY(auto event, intake::load_sealed_event(db, row->event_seq));
            return Read{std::move(*row), std::move(event)};
        });
    if (!read) co_return pass(std::move(read).error());
    const routing::WorkspaceFacts* workspace = directory_->workspace(read->row.workspace_no);
    if (workspace == nullptr) co_return fail(Errc::not_found, "the workspace does not exist");
    auto event = intake::open_event(parts_.keys, workspace->id, read->event);
    out.erased = !event && event.error().code == Errc::gone;
    if (!event && !out.erased) co_return pass(std::move(event).error());
    connectors::EventFacts facts;
    if (event)
        facts = *std::move(event);
    else
        facts.id = read->event.row.id;
    facts.seq = read->row.event_seq;
    facts.workspace_no = read->row.workspace_no;
    out.has_row = true;
    out.delivery_no = read->row.no;
    out.id = read->row.id;
    out.event = std::make_shared<const connectors::EventFacts>(std::move(facts));
    Delivery& delivery = out.delivery;
    delivery.state = static_cast<DeliveryState>(read->row.state);
    delivery.attempts = read->row.attempts;
    delivery.first_started = read->row.first_at;
    if (delivery.state == DeliveryState::retrying) delivery.due = read->row.next_at;
    // `sweep` ends what waits too long; an attempt that has its turn is made.
    delivery.ends = now() + schedule_window_max;
    co_return out;
}

/// A later attempt carries the same links: they are valid again from its start, durably, before a
/// receiver can use them. Only attempts after the first pay for this.
OWN_FRAME runtime::Task<bool> Engine::renew_links(const Loaded& loaded,
                                                  std::int64_t destination_no) {
    if (!carries_links(*loaded.event)) co_return true;
    const auto done =
        co_await store::write(parts_.loop, parts_.writer,
                              [seq = loaded.event->seq, destination_no, at = now()](store::Tx& tx) {
                                  return store::renew_link(tx.db(), seq, destination_no, at);
                              });
    if (!done) parts_.log.warning("delivery.renew_failed", {{"error", done.error()}});
    co_return done.has_value();
}

Record Engine::record_of(const Loaded& loaded, std::int64_t destination_no) const {
    Record record;
    record.delivery_no = loaded.delivery_no;
    record.id = loaded.id;
    record.event_seq = loaded.event->seq;
    record.destination_no = destination_no;
    record.workspace_no = loaded.event->workspace_no;
    record.accepted_at = loaded.event->accepted_at;
    return record;
}

void Engine::conclude(const Start& start, const Loaded& loaded, std::int64_t destination_no,
                      const Decision& decision, const Outcome& outcome,
                      connectors::AttemptReport& report) {
    const bool final = is_final(decision.after.state);
    Record record = record_of(loaded, destination_no);
    record.what = loaded.has_row ? Record::What::attempt : Record::What::first_attempt;
    record.settles_first = !loaded.has_row;
    record.n = loaded.delivery.attempts;
    record.started_at = report.attempt.started_at;
    record.took = report.attempt.took;
    record.outcome = outcome.code;
    if (outcome.status != 0) record.status = outcome.status;
    // Its destination may be gone by now.
    Lane* const lane = lane_of(destination_no);
    AttemptForms none;
    record.form = (lane ? lane->forms : none).find(report.attempt, destination_no);
    record.own = std::move(report.attempt.request_own);
    record.detail = rest_of(report.attempt);
    record.reference = std::move(report.attempt.reference);
    record.state = stored_state(decision.after);
    if (!final && record.state != DeliveryState::held) record.next_at = decision.after.due;
    if (decision.after.reason != Reason::none && record.state != DeliveryState::delivered)
        record.reason = to_text(decision.after.reason);
    record.effects = decision.effects;
    record.words = outcome.words;
    record.cause = std::move(report.cause);
    record.alerted = report.alert;
    if (record.state == DeliveryState::delivered) parts_.probe.delivered.add();
    if (record.state == DeliveryState::failed) parts_.probe.failed.add();
    if (record.state == DeliveryState::retrying) parts_.probe.retried.add();

    if (start.ref.delivery < 0) {
        const auto index = static_cast<std::uint32_t>(-1 - start.ref.delivery);
        parts_.backlogs.remove(destination_no);
        waiting_[index] = {};
        free_waiting_.push_back(index);
    } else if (final) {
        order_keys_.erase(start.ref.delivery);
    }
    add(std::move(record));
    ended(start, {outcome.kind(), outcome.retry_after, final ? Settled::final : Settled::not_final,
                  token_of(outcome.code)});
}

void Engine::ended(const Start& start, const End& end) {
    const Breaker::Change change = dispatcher_.finished(start, end, mono());
    parts_.probe.in_flight.subtract();
    active_.erase(start.ref.delivery);
    under_way_.erase(start.ref.delivery);
    Lane* lane = lane_at(start.ref.destination);
    if (lane == nullptr) return;
    const bool was_shut = parts_.backlogs.is_shut(lane->target->destination.no);
    if (was_shut || change != Breaker::Change::none) show_circuit(*lane);
    if (change != Breaker::Change::none) count_circuit(lane->target->destination.no, change);
    if (change == Breaker::Change::opened) shed(*lane);
    if (change == Breaker::Change::closed)
        parts_.log.info("delivery.circuit_closed", {{"destination", lane->target->destination.id}});
}

/// The machine wants something else than an attempt: held, finished, or later.
void Engine::not_started(const Start& start, const Loaded& loaded, const Decision& decision) {
    const Lane* lane = lane_at(start.ref.destination);
    if (start.ref.delivery < 0) {
        Waiting& waiting = waiting_[static_cast<std::size_t>(-1 - start.ref.delivery)];
        spill(waiting, now(), stored_state(decision.after),
              std::string{to_text(decision.after.reason)});
    } else if (lane != nullptr && decision.after != loaded.delivery) {
        Record record = record_of(loaded, lane->target->destination.no);
        record.what = Record::What::change;
        record.from = stored_state(loaded.delivery);
        record.state = stored_state(decision.after);
        if (const auto* wait = std::get_if<WaitUntil>(&decision.step)) record.next_at = wait->at;
        record.reason = to_text(decision.after.reason);
        record.effects = decision.effects;
        add(std::move(record));
    }
    const bool final = is_final(decision.after.state);
    ended(start, {OutcomeKind::not_sent, {}, final ? Settled::final : Settled::not_final});
    pump();
}

/// The event's data was erased before it could be sent.
void Engine::end_erased(const Start& start, const Loaded& loaded) {
    const Lane* lane = lane_at(start.ref.destination);
    if (start.ref.delivery < 0) {
        spill(waiting_[static_cast<std::size_t>(-1 - start.ref.delivery)], {},
              DeliveryState::cancelled, "erased");
    } else {
        if (lane != nullptr && !is_final(loaded.delivery.state)) {
            Record record = record_of(loaded, lane->target->destination.no);
            record.what = Record::What::change;
            record.from = stored_state(loaded.delivery);
            record.state = DeliveryState::cancelled;
            record.reason = "erased";
            add(std::move(record));
        }
        order_keys_.erase(start.ref.delivery);
    }
    ended(start, {OutcomeKind::not_sent, {}, Settled::final});
    pump();
}

/// Nothing was sent and nothing is known: it is tried again in a while.
void Engine::give_back(const Start& start) {
    const Lane* lane = lane_at(start.ref.destination);
    const Timestamp later = now() + Duration{5'000};
    if (start.ref.delivery < 0)
        spill(waiting_[static_cast<std::size_t>(-1 - start.ref.delivery)], later,
              DeliveryState::queued, "");
    ended(start, {OutcomeKind::not_sent, {}, Settled::not_final});
    // The store has it at its old time.
    if (start.ref.delivery >= 0 && lane != nullptr)
        due_.postpone({to_ms(later), start.ref.delivery,
                       static_cast<std::int32_t>(lane->target->destination.no),
                       lane->slot.generation});
    pump();
}

/// It is over already; nothing is to be done.
void Engine::drop(const Start& start) {
    ended(start, {OutcomeKind::not_sent, {}, Settled::final});
    order_keys_.erase(start.ref.delivery);
    pump();
}

void Engine::log_attempt(const Loaded& loaded, const Destination& destination,
                         const Decision& decision, const Outcome& outcome,
                         const connectors::AttemptReport& report) {
    if (!parts_.log.writes(observe::Level::info)) return;
    const bool succeeded = outcome.kind() == OutcomeKind::success;
    if (succeeded && !success_lines_.take(report.attempt.started_at)) return;
    if (const std::uint64_t left_out = success_lines_.take_left_out(); left_out > 0)
        parts_.log.info("delivery.lines_left_out", {{"count", left_out}});
    const std::string next = decision.after.due ? to_rfc3339(*decision.after.due) : "";
    parts_.log.info("delivery.attempted",
                    {{"delivery", loaded.id},
                     {"event", loaded.event->id},
                     {"event_type", to_text(loaded.event->type)},
                     {"destination", destination.id},
                     {"attempt", loaded.delivery.attempts},
                     {"outcome", to_text(outcome.code)},
                     {"status", static_cast<int>(outcome.status)},
                     {"address", report.attempt.address},
                     {"took_ms", report.attempt.took},
                     {"state", to_text(stored_state(decision.after))},
                     {"next_at", next},
                     {"detail", succeeded ? std::string_view{} : outcome.words}});
}

}  // namespace blotter::delivery
