#include "api/envelope_clock.hpp"

#include "api/envelope_store.hpp"

namespace blotter::api {
namespace {

/// In one transaction: a thousand that expire at midnight do not hold up what others write.
constexpr std::size_t slice_max = 50;

/// An envelope that cannot expire, for whatever reason, must not stop the others.
bool is_of_the_envelope(Errc code) {
    return code == Errc::conflict || code == Errc::not_found || code == Errc::gone ||
           code == Errc::corrupt;
}

/// Gives up to where it came.
Result<store::TimePosition> expire_slice(store::Tx& tx, WriterSide& side, store::TimePosition seen,
                                         observe::Logger& log) {
    const Timestamp now = side.clock().wall();
    TRY(const auto due, store::list_expiring_envelopes(tx.db(), now, seen, slice_max));
    for (const store::ExpiringEnvelope& envelope : due) {
        envelopes::Command command;
        command.action = envelopes::Action::expired;
        command.occurred_at = envelope.expires_at;
        const auto changed =
            change_envelope(tx, side, {envelope.workspace_no, envelope.id, {}}, command);
        if (!changed && !is_of_the_envelope(changed.error().code)) return pass(changed.error());
        if (!changed && changed.error().code == Errc::corrupt)
            log.error("envelope.not_expired",
                      {{"envelope", envelope.id}, {"error", changed.error()}});
        seen = {envelope.expires_at, envelope.no};
    }
    return seen;
}

}  // namespace

runtime::Task<Result<std::optional<Timestamp>>> EnvelopeClock::look() {
    const Timestamp now = services_.loop.clock().wall();
    if (seen_.at > now) seen_ = {};  // the clock was set back
    CO_TRY(const auto next, co_await store::read(services_.loop, services_.reader,
                                                 [seen = seen_](sql::Connection& db) {
                                                     return store::next_envelope_expiry(db, seen);
                                                 }));
    if (!next || *next > now) co_return next;
    CO_TRY(seen_, co_await store::write(
                      services_.loop, services_.writer,
                      [seen = seen_, &side = services_.writer_side, &log = services_.log](
                          store::Tx& tx) { return expire_slice(tx, side, seen, log); }));
    co_return next;
}

runtime::Task<> EnvelopeClock::run() {
    while (!watch_.is_stopped()) {
        watch_.begin_look();
        const auto next = co_await look();
        observe::ignore(next, services_.log, "what is due is looked at again in a second");
        const Timestamp now = services_.loop.clock().wall();
        // After a slice there may be more.
        if (next && *next && **next <= now) continue;
        co_await watch_.rest(next ? *next : now);
    }
}

void EnvelopeClock::stop() {
    watch_.stop();
}

}  // namespace blotter::api
