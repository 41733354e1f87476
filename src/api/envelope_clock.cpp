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

struct Slice {
    store::TimePosition seen;
    bool more = false;
};

Result<Slice> expire_slice(store::Tx& tx, WriterSide& side, store::TimePosition seen,
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
    return Slice{seen, due.size() == slice_max};
}

}  // namespace

runtime::Task<Result<bool>> EnvelopeClock::look() {
    const Timestamp now = services_.loop.clock().wall();
    if (seen_.at > now) seen_ = {};  // the clock was set back
    CO_TRY(const bool due,
           co_await store::read(services_.loop, services_.reader,
                                [now, seen = seen_](sql::Connection& db) -> Result<bool> {
                                    TRY(const auto first,
                                        store::list_expiring_envelopes(db, now, seen, 1));
                                    return !first.empty();
                                }));
    if (!due) co_return false;
    CO_TRY(const Slice slice, co_await store::write(services_.loop, services_.writer,
                                                    [seen = seen_, &side = services_.writer_side,
                                                     &log = services_.log](store::Tx& tx) {
                                                        return expire_slice(tx, side, seen, log);
                                                    }));
    seen_ = slice.seen;
    co_return slice.more;
}

runtime::Task<> EnvelopeClock::run() {
    while (!stopping_) {
        const auto more = co_await look();
        observe::ignore(more, services_.log, "what is due is looked at again in a second");
        if (more.value_or(false)) continue;
        co_await wake_.wait_until(services_.loop.now() + interval_);
    }
}

void EnvelopeClock::stop() {
    stopping_ = true;
    wake_.notify();
}

}  // namespace blotter::api
