#include "api/document_clock.hpp"

namespace blotter::api {
namespace {

constexpr std::size_t slice_max = 50;
constexpr std::size_t sends_max = 32;
/// Longer than any send takes beyond the receiver's time: two commits of a busy store.
constexpr Duration commit_grace{60'000};

/// A document that cannot be changed, for whatever reason, must not stop the others.
bool is_of_the_document(Errc code) {
    return code == Errc::conflict || code == Errc::not_found || code == Errc::gone ||
           code == Errc::corrupt;
}

Duration send_time_max(const Services& services) {
    return services.settings.delivery.timeout + commit_grace;
}

store::LostSends lost_sends(Services& services) {
    return {services.writer_side.process, services.loop.clock().wall() - send_time_max(services)};
}

Result<std::size_t> recover_slice(store::Tx& tx, WriterSide& side, const store::LostSends& lost,
                                  observe::Logger& log) {
    TRY(const auto places, store::list_lost_documents(tx.db(), lost, slice_max));
    std::size_t recovered = 0;
    for (const store::DocumentPlace& place : places) {
        const auto step =
            change_document(tx, side, {place.workspace_no, place.id}, documents::Lost{});
        if (!step && !is_of_the_document(step.error().code)) return pass(step.error());
        if (!step) {
            log.error("document.not_recovered", {{"document", place.id}, {"error", step.error()}});
            continue;
        }
        log.warning("document.interrupted", {{"document", place.id}});
        ++recovered;
    }
    return recovered;
}

/// It is due, and cannot go anywhere.
Result<int> give_up(store::Tx& tx, WriterSide& side, const DocumentPlace& place, const Error& why) {
    documents::Undeliverable command{
        {std::string{to_text(why.code)}, why.detail, {}, side.clock().wall()}};
    CHECK(change_document(tx, side, place, command));
    return 0;
}

}  // namespace

runtime::Task<Result<bool>> DocumentClock::recover() {
    const store::LostSends lost = lost_sends(services_);
    CO_TRY(const bool any, co_await store::read(services_.loop, services_.reader,
                                                [lost](sql::Connection& db) -> Result<bool> {
                                                    TRY(const auto first,
                                                        store::list_lost_documents(db, lost, 1));
                                                    return !first.empty();
                                                }));
    if (!any) co_return false;
    CO_TRY(
        const std::size_t done,
        co_await store::write(services_.loop, services_.writer,
                              [lost, &side = services_.writer_side, &log = services_.log](
                                  store::Tx& tx) { return recover_slice(tx, side, lost, log); }));
    co_return done == slice_max;
}

runtime::Task<> DocumentClock::send(DocumentPlace place) {
    const auto sent = co_await send_document(services_, {place, documents::Cause::retry});
    if (sent) co_return;
    if (!is_of_the_document(sent.error().code)) {
        observe::ignore(sent, services_.log, "what is due is looked at again in a second");
        co_return;
    }
    const auto given_up =
        co_await store::write(services_.loop, services_.writer,
                              [place, why = sent.error(), &side = services_.writer_side](
                                  store::Tx& tx) { return give_up(tx, side, place, why); });
    observe::ignore(given_up, services_.log, "what is due is looked at again in a second");
}

runtime::Task<Result<>> DocumentClock::send_due() {
    if (sends_.size() >= sends_max) co_return Result<>{};
    const std::size_t room = sends_max - sends_.size();
    CO_TRY(const auto due,
           co_await store::read(services_.loop, services_.reader,
                                [room, now = services_.loop.clock().wall()](sql::Connection& db) {
                                    return store::list_due_documents(db, now, room);
                                }));
    for (const store::DocumentPlace& place : due)
        sends_.spawn(send({place.workspace_no, place.id}));
    co_return Result<>{};
}

runtime::Task<Result<std::optional<Timestamp>>> DocumentClock::next_work() {
    co_return co_await store::read(services_.loop, services_.reader,
                                   [time_max = send_time_max(services_)](sql::Connection& db) {
                                       return store::next_document_work(db, time_max);
                                   });
}

runtime::Task<> DocumentClock::run() {
    while (!watch_.is_stopped()) {
        watch_.begin_look();
        const auto more = co_await recover();
        observe::ignore(more, services_.log, "what is lost is looked at again in a second");
        if (more.value_or(false)) continue;
        const auto sent = co_await send_due();
        observe::ignore(sent, services_.log, "what is due is looked at again in a second");
        const auto next = co_await next_work();
        observe::ignore(next, services_.log, "what is due is looked at again in a second");
        const bool failed = !more || !sent || !next;
        co_await watch_.rest(failed ? services_.loop.clock().wall() : *next);
    }
    co_await sends_.join();
}

void DocumentClock::stop() {
    watch_.stop();
}

}  // namespace blotter::api
