#include "api/replay_runner.hpp"

#include <set>

#include "base/json.hpp"
#include "routing/plan.hpp"

namespace blotter::api {
namespace {

constexpr std::size_t preview_slices_max = 40;
constexpr std::size_t running_max = 64;
/// Between two rounds: live events and other writers come first.
constexpr std::chrono::milliseconds breath{50};

/// An event that has no delivery, and what is needed to ask the filter.
struct Candidate {
    store::EventRow event;
    std::optional<intake::SealedEvent> sealed;
};

Result<std::vector<Candidate>> load_candidates(sql::Connection& db, EventSlice& slice,
                                               bool with_payload) {
    std::vector<Candidate> out;
    out.reserve(slice.events.size());
    for (store::EventRow& event : slice.events) {
        Candidate candidate{std::move(event), {}};
        if (with_payload) {
            TRY(candidate.sealed, intake::load_sealed_event(db, candidate.event.seq));
        }
        out.push_back(std::move(candidate));
    }
    return out;
}

/// Whether the filter takes it. Erased data cannot be sent again.
Result<bool> is_taken(Services& services, const routing::Target& target,
                      const Candidate& candidate) {
    if (!candidate.sealed) return true;
    const auto* workspace = services.directory->workspace(candidate.event.workspace_no);
    if (workspace == nullptr) return false;
    auto facts = intake::open_event(services.keys, workspace->id, *candidate.sealed);
    if (!facts && facts.error().code == Errc::gone) return false;
    if (!facts) return pass(std::move(facts).error());
    const routing::Subject subject{candidate.event.workspace_no, facts->type, facts->occurred_at,
                                   &candidate.event.entity_nos, &facts->data};
    return routing::filter_match(target, subject).matched;
}

runtime::Task<Result<ReplaySlice>> next_missing(Services& services, ReplaySelection selection,
                                                std::int64_t after) {
    const auto target = services.directory->target(selection.destination_no.value_or(0));
    if (!target) co_return ReplaySlice{};
    struct Read {
        std::vector<Candidate> candidates;
        std::optional<std::int64_t> next;
    };
    CO_TRY(Read read,
           co_await store::read(
               services.loop, services.reader,
               [selection, target, after](sql::Connection& db) -> Result<Read> {
                   TRY(EventSlice slice, select_missing(db, selection, target->destination, after));
                   Read out{{}, slice.next};
                   TRY(out.candidates, load_candidates(db, slice, target->filter.has_value()));
                   return out;
               }));
    ReplaySlice out{{}, read.next};
    for (const Candidate& candidate : read.candidates) {
        CO_TRY(const bool taken, is_taken(services, *target, candidate));
        if (taken)
            out.items.push_back({candidate.event.seq, target->destination.no, std::nullopt,
                                 candidate.event.order()});
    }
    co_return out;
}

Result<bool> is_erased(store::Tx& tx, std::int64_t event_seq) {
    TRY(const auto event, store::load_event(tx.db(), event_seq, store::Payload::skip));
    if (!event) return true;
    TRY(const auto at, intake::erased_at(tx.db(), *event));
    return at.has_value();
}

Result<> give_up_held(store::Tx& tx, std::int64_t delivery_no) {
    store::DeliveryChange change;
    change.no = delivery_no;
    change.from = store::DeliveryState::held;
    change.to = store::DeliveryState::cancelled;
    change.reason = "replayed";
    CHECK(store::change_delivery(tx.db(), change));  // any other state stays as it is
    return {};
}

struct Sent {
    std::int64_t destination_no;
    std::int64_t delivery_no;
    std::uint64_t order_key;
};

}  // namespace

runtime::Task<Result<ReplaySlice>> next_slice(Services& services, ReplaySelection selection,
                                              SliceQuery query) {
    if (selection.what == ReplayWhat::missing)
        co_return co_await next_missing(services, selection, query.after);
    co_return co_await store::read(
        services.loop, services.reader, [selection, query](sql::Connection& db) {
            return select_deliveries(db, selection, {query.after, query.own_no});
        });
}

runtime::Task<Result<store::Count>> preview(Services& services, ReplaySelection selection) {
    // An event may have several deliveries in the range; it is sent once.
    std::set<std::pair<std::int64_t, std::int64_t>> found;
    SliceQuery query;
    for (std::size_t slices = 0; slices < preview_slices_max; ++slices) {
        CO_TRY(const ReplaySlice slice, co_await next_slice(services, selection, query));
        for (const ReplayItem& item : slice.items)
            found.emplace(item.event_seq, item.destination_no);
        if (!slice.next) co_return store::Count{static_cast<std::int64_t>(found.size()), true};
        query.after = *slice.next;
    }
    co_return store::Count{static_cast<std::int64_t>(found.size()), false};
}

Result<std::int64_t> write_replayed(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                    const ReplayPlace& place,
                                    const std::vector<ReplayItem>& items) {
    const Timestamp now = side.clock().wall();
    std::int64_t made = 0;
    std::vector<Sent> sent;
    for (const ReplayItem& item : items) {
        const auto target = side.directory().get().target(item.destination_no);
        if (!target || target->destination.workspace_no != place.workspace_no) continue;
        TRY(const bool erased, is_erased(tx, item.event_seq));
        if (erased) continue;
        const Destination& destination = target->destination;
        const bool enabled = destination.state == DestinationState::enabled;
        store::NewDelivery row;
        TRY(row.no, side.delivery_numbers().take(tx, item.destination_no));
        row.id = side.entropy().id<DeliveryId>(now);
        row.event_seq = item.event_seq;
        row.destination_no = item.destination_no;
        row.workspace_no = place.workspace_no;
        row.replay_no = place.no;
        row.replay_of = item.replay_of;
        row.state = enabled ? store::DeliveryState::queued : store::DeliveryState::held;
        if (enabled)
            row.next_at = now;
        else
            row.reason = destination.state == DestinationState::paused ? "destination_paused"
                                                                       : "destination_disabled";
        row.created_at = now;
        TRY(const auto no, store::insert_delivery(tx.db(), row));
        if (!no) continue;
        ++made;
        if (item.replay_of) CHECK(give_up_held(tx, *item.replay_of));
        const bool ordered = destination.limits.order != OrderPolicy::none;
        if (enabled) sent.push_back({item.destination_no, *no, ordered ? item.order_key : 0});
    }
    tx.after_commit([&hub, now, sent = std::move(sent)] {
        for (const Sent& one : sent)
            hub.due(one.destination_no, one.delivery_no, now, one.order_key);
    });
    return made;
}

void ReplayRunner::start() {
    tasks_.on_failure = [&log = services_.log](std::exception_ptr failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            log.error("replay.task_failed", {{"reason", std::string_view{e.what()}}});
        }
    };
    tasks_.spawn(run());
}

runtime::Task<> ReplayRunner::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
}

runtime::Task<> ReplayRunner::run() {
    while (!stopping_) {
        const auto running = co_await store::read(
            services_.loop, services_.reader,
            [](sql::Connection& db) { return store::list_running_replays(db, running_max); });
        std::chrono::nanoseconds rest = look_again_;
        if (running && !running->empty()) {
            rest = breath;
            // One slice of each in turn, so that a long replay does not hold up a short one.
            for (const store::ReplayRow& replay : *running) {
                if (stopping_) co_return;
                const auto done = co_await advance(replay);
                if (done) continue;
                services_.log.warning("replay.failed",
                                      {{"replay", replay.id}, {"error", done.error()}});
                rest = look_again_;
            }
        } else if (!running) {
            services_.log.warning("replay.failed", {{"error", running.error()}});
        }
        co_await wake_.wait_until(services_.loop.now() + rest);
    }
}

runtime::Task<Result<>> ReplayRunner::advance(store::ReplayRow replay) {
    auto stored = json::parse(replay.filter);
    auto selection = stored ? selection_from_json(*stored) : pass(std::move(stored).error());
    if (!selection) co_return co_await give_up(std::move(replay), std::move(selection).error());
    selection->workspace_no = replay.workspace_no;
    selection->destination_no = replay.destination_no;
    CO_TRY(ReplaySlice slice,
           co_await next_slice(services_, *selection, {replay.position, replay.no}));
    co_return co_await finish_slice(std::move(replay), std::move(slice));
}

/// What cannot be read now will not be readable later either.
runtime::Task<Result<>> ReplayRunner::give_up(store::ReplayRow replay, Error why) {
    services_.log.error("replay.unreadable", {{"replay", replay.id}, {"error", why}});
    CO_CHECK(co_await store::write(services_.loop, services_.writer,
                                   [id = replay.id, no = replay.workspace_no](store::Tx& tx) {
                                       return store::cancel_replay(tx.db(), no, id);
                                   }));
    co_return Result<>{};
}

runtime::Task<Result<>> ReplayRunner::finish_slice(store::ReplayRow replay, ReplaySlice slice) {
    auto written = co_await store::write(
        services_.loop, services_.writer,
        [&side = services_.writer_side, &hub = services_.hub, replay = std::move(replay),
         slice = std::move(slice)](store::Tx& tx) -> Result<> {
            TRY(const std::int64_t made,
                write_replayed(tx, side, hub, {replay.no, replay.workspace_no}, slice.items));
            store::ReplayProgress progress;
            progress.no = replay.no;
            progress.from = replay.position;
            progress.to = slice.next.value_or(replay.position);
            progress.made = made;
            progress.state = slice.next ? store::ReplayState::running : store::ReplayState::done;
            TRY(const auto applied, store::advance_replay(tx.db(), progress));
            if (applied == store::Applied::yes) return {};
            return fail(Errc::conflict, "the replay was cancelled meanwhile");
        });
    // Cancelled: its slice was undone, and the next round no longer finds it.
    if (!written && written.error().code == Errc::conflict) co_return Result<>{};
    co_return written;
}

}  // namespace blotter::api
