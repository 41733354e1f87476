#include "delivery/engine.hpp"

#include <algorithm>

#include "store/tables/open_work.hpp"
#include "store/tables/queue.hpp"

namespace blotter::delivery {
namespace {

constexpr std::size_t slice_rows = 500;
constexpr std::size_t erased_kept_max = 100'000;
/// How many rows get a note that they wait, each time a circuit opens. All of them show it while
/// it is open; a million notes would only slow down what goes elsewhere.
constexpr std::size_t noted_waits_max = 1'000;

}  // namespace

Gate gate_of(const Destination& destination) {
    switch (destination.state) {
        case DestinationState::enabled:
            return Gate::open;
        case DestinationState::paused:
            return Gate::paused;
        case DestinationState::disabled:
            return Gate::disabled;
    }
    return Gate::disabled;
}

Engine::Engine(Parts parts, Options options, routing::DirectoryPtr directory)
    : parts_(std::move(parts)),
      options_(options),
      directory_(std::move(directory)),
      dispatcher_(options.limits, parts_.loop.now()),
      due_(options.due_max),
      to_write_(parts_.loop),
      tasks_(parts_.loop) {}

Engine::~Engine() = default;

void Engine::start() {
    for (const routing::TargetPtr& target : directory_->all_targets())
        if (target) add_lane(target);
    tasks_.on_failure = [this](std::exception_ptr failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            parts_.log.error("delivery.task_failed", {{"reason", std::string_view{e.what()}}});
        }
    };
    tasks_.spawn(write_records());
    tasks_.spawn(settle_states());
    tasks_.spawn(sweep());
    parts_.loop.post([this] { pump(); });
}

/// What a crash left half done: due rows of a destination that is not enabled, and held rows of
/// one that is.
runtime::Task<> Engine::settle_states() {
    for (const auto& [no, lane] : lanes_)
        if (gate_of(lane.target->destination) != Gate::open) tasks_.spawn(hold_rows(no));
    const auto holding = co_await store::read(parts_.loop, parts_.reader, [](sql::Connection& db) {
        return store::list_holding_destinations(db);
    });
    if (!holding) {
        parts_.log.error("delivery.start_failed", {{"error", holding.error()}});
        co_return;
    }
    for (const std::int64_t no : *holding)
        if (Lane* lane = lane_of(no);
            lane != nullptr && gate_of(lane->target->destination) == Gate::open)
            begin_release(*lane);
}

runtime::Task<> Engine::stop(MonoTime deadline) {
    stopping_ = true;
    while (dispatcher_.in_flight() > 0 && mono() < deadline)
        co_await parts_.loop.sleep_for(std::chrono::milliseconds{10});
    to_write_.notify();
    while (unwritten_count_ > unwritable_.size() && mono() < deadline)
        co_await parts_.loop.sleep_for(std::chrono::milliseconds{5});
}

std::optional<DestinationView> Engine::view(std::int64_t destination_no) {
    Lane* lane = lane_of(destination_no);
    if (lane == nullptr) return std::nullopt;
    return dispatcher_.view(lane->slot, mono());
}

// --- Letters ---

void Engine::put(Letter letter) {
    if (mailbox_.put(std::move(letter)) == runtime::Wake::no) return;
    parts_.loop.post([this] { pump(); });
}

void Engine::read_letters() {
    mailbox_.open([this](std::vector<Letter>& letters) {
        for (Letter& letter : letters)
            std::visit(
                [this](auto& content) {
                    using T = std::decay_t<decltype(content)>;
                    if constexpr (std::is_same_v<T, Due> || std::is_same_v<T, Erased>)
                        take(std::as_const(content));
                    else
                        take(std::move(content));
                },
                letter);
    });
}

void Engine::take(intake::Fresh fresh) {
    const std::int64_t no = fresh.target->destination.no;
    std::uint32_t index = 0;
    if (free_waiting_.empty()) {
        index = static_cast<std::uint32_t>(waiting_.size());
        waiting_.emplace_back();
    } else {
        index = free_waiting_.back();
        free_waiting_.pop_back();
    }
    waiting_[index] = {std::move(fresh), true};
    const Lane* lane = lane_of(no);
    const Ref ref{-1 - static_cast<std::int64_t>(index), 0, lane ? lane->slot : Slot{}};
    const Enqueued enqueued = lane ? dispatcher_.enqueue_fresh(ref, mono()) : Enqueued::unknown;
    if (enqueued == Enqueued::queued) return;
    Waiting& waiting = waiting_[index];
    switch (enqueued) {
        case Enqueued::backlogged:
            spill(waiting, now() + dispatcher_.backlog_wait(lane->slot, mono()),
                  DeliveryState::queued, parts_.backlogs.is_shut(no) ? "circuit_open" : "");
            break;
        case Enqueued::stopped:
            spill(waiting, {}, DeliveryState::held,
                  gate_of(lane->target->destination) == Gate::paused ? "destination_paused"
                                                                     : "destination_disabled");
            break;
        default:
            spill(waiting, {}, DeliveryState::cancelled, "destination_removed");
    }
}

void Engine::take(const Due& due) {
    Lane* lane = lane_of(due.destination_no);
    if (lane == nullptr) return;
    const bool ordered = lane->target->destination.limits.order != OrderPolicy::none;
    if (due.in_order && ordered) return took_row(due, *lane);
    due_.push({to_ms(due.at), due.delivery_no, static_cast<std::int32_t>(due.destination_no),
               lane->slot.generation});
}

/// A row of an ordered destination, in order of rows. Where there is no room, the dispatcher asks
/// for it again.
void Engine::took_row(const Due& due, Lane& lane) {
    order_keys_[due.delivery_no] = due.order_key;
    const Ref ref{due.delivery_no, due.order_key, lane.slot};
    if (dispatcher_.enqueue_fresh(ref, mono()) == Enqueued::queued) active_.insert(due.delivery_no);
}

void Engine::take(routing::DirectoryPtr directory) {
    // Pointers tell what changed: a target that stayed the same is the same object.
    for (const routing::TargetPtr& target : directory->all_targets()) {
        if (!target || target->destination.no % options_.loops != options_.index) continue;
        Lane* lane = lane_of(target->destination.no);
        if (lane == nullptr)
            add_lane(target);
        else if (lane->target != target)
            change_lane(*lane, target);
    }
    std::vector<std::int64_t> gone;
    for (const auto& [no, lane] : lanes_)
        if (!directory->target(no)) gone.push_back(no);
    for (const std::int64_t no : gone) drop_lane(no);
    directory_ = std::move(directory);
}

/// First attempts that wait lose their data here; they end when it is their turn, and so do rows,
/// whose key is gone.
void Engine::take(const Erased& erased) {
    if (erased_.size() > erased_kept_max) erased_.clear();
    erased_.insert(erased.event_seqs.begin(), erased.event_seqs.end());
    for (Waiting& waiting : waiting_) {
        if (!waiting.used || !erased_.contains(waiting.fresh.event->seq)) continue;
        auto rest = std::make_shared<connectors::EventFacts>();
        rest->seq = waiting.fresh.event->seq;
        rest->id = waiting.fresh.event->id;
        rest->type = waiting.fresh.event->type;
        rest->accepted_at = waiting.fresh.event->accepted_at;
        rest->workspace_no = waiting.fresh.event->workspace_no;
        waiting.fresh.event = std::move(rest);
        waiting.erased = true;
    }
}

// --- Lanes ---

Engine::Lane* Engine::lane_at(const Slot& slot) {
    const auto index = static_cast<std::size_t>(slot.index);
    if (slot.index < 0 || index >= destination_at_.size()) return nullptr;
    Lane* lane = lane_of(destination_at_[index]);
    return lane != nullptr && lane->slot == slot ? lane : nullptr;
}

Engine::Lane* Engine::lane_of(std::int64_t destination_no) {
    const auto found = lanes_.find(destination_no);
    return found == lanes_.end() ? nullptr : &found->second;
}

DestinationConfig Engine::config_of(const routing::Target& target) const {
    const LimitsInForce& limits = target.limits;
    DestinationConfig config;
    config.workspace = static_cast<std::uint64_t>(target.destination.workspace_no);
    config.concurrency_max = limits.concurrency;
    config.throttle.per_second_max = limits.rate_per_second == 0 ? 100'000 : limits.rate_per_second;
    config.throttle.burst_max =
        limits.rate_burst == 0 ? config.throttle.per_second_max : limits.rate_burst;
    if (limits.order == OrderPolicy::per_envelope) config.order = Order::per_envelope;
    return config;
}

Schedule Engine::schedule_of(const routing::Target& target) const {
    // Both were checked when they were set; what an older version let through gets the standard.
    return Schedule::create(target.limits.schedule, options_.jitter_percent)
        .value_or(Schedule::standard());
}

void Engine::add_lane(const routing::TargetPtr& target) {
    const Destination& destination = target->destination;
    if (destination.no % options_.loops != options_.index) return;
    dispatcher_.set_workspace(static_cast<std::uint64_t>(destination.workspace_no),
                              {.in_flight_max = options_.workspace_in_flight_max});
    Lane lane{target, dispatcher_.add_destination(config_of(*target), mono()),
              schedule_of(*target)};
    if (gate_of(destination) != Gate::open) dispatcher_.stop(lane.slot, mono());
    const auto index = static_cast<std::size_t>(lane.slot.index);
    if (destination_at_.size() <= index) destination_at_.resize(index + 1);
    destination_at_[index] = destination.no;
    lanes_.emplace(destination.no, std::move(lane));
}

void Engine::change_lane(Lane& lane, const routing::TargetPtr& target) {
    const Gate before = gate_of(lane.target->destination);
    const Gate after = gate_of(target->destination);
    const std::int64_t no = target->destination.no;
    lane.target = target;
    lane.schedule = schedule_of(*target);
    for (const auto& [kind, connector] : parts_.connectors) connector->forget(no);
    dispatcher_.update(lane.slot, config_of(*target), mono());
    if (before == after) return;
    if (after == Gate::open) {
        begin_release(lane);
    } else {
        put_back(dispatcher_.stop(lane.slot, mono()), after);
        tasks_.spawn(hold_rows(no));
    }
}

void Engine::count_circuit(std::int64_t destination_no, Breaker::Change change) {
    if (change == Breaker::Change::opened)
        open_circuits_.insert(destination_no);
    else
        open_circuits_.erase(destination_no);
    parts_.probe.circuits_open.set(static_cast<std::int64_t>(open_circuits_.size()));
}

void Engine::drop_lane(std::int64_t destination_no) {
    count_circuit(destination_no, Breaker::Change::closed);
    Lane* lane = lane_of(destination_no);
    put_back(dispatcher_.remove(lane->slot, mono()), Gate::disabled);
    lanes_.erase(destination_no);
    for (const auto& [kind, connector] : parts_.connectors) connector->forget(destination_no);
}

/// What waited in the dispatcher waits in rows from now on. Rows that are due already are held by
/// `hold_rows`; only first attempts have to be written here.
void Engine::put_back(const std::vector<Ref>& refs, Gate why) {
    for (const Ref& ref : refs) {
        if (ref.delivery >= 0) {
            active_.erase(ref.delivery);
            continue;
        }
        spill(waiting_[static_cast<std::size_t>(-1 - ref.delivery)], {}, DeliveryState::held,
              why == Gate::paused ? "destination_paused" : "destination_disabled");
    }
}

runtime::Task<> Engine::hold_rows(std::int64_t destination_no) {
    for (;;) {
        const Lane* lane = lane_of(destination_no);
        if (lane == nullptr || stopping_) co_return;
        const Gate state = gate_of(lane->target->destination);
        if (state == Gate::open) co_return;
        const char* reason = state == Gate::paused ? "destination_paused" : "destination_disabled";
        const auto held = co_await store::write(
            parts_.loop, parts_.writer, [destination_no, reason, at = now()](store::Tx& tx) {
                return store::hold_due(tx.db(), {destination_no, at, reason, slice_rows});
            });
        if (!held) {
            parts_.log.warning("delivery.hold_failed", {{"error", held.error()}});
            co_await parts_.loop.sleep_for(patience);
            continue;
        }
        parts_.probe.held.add(held->size());
        if (held->size() < slice_rows) co_return;
    }
}

/// What was held of an ordered destination comes before what follows it: the dispatcher asks for
/// rows in their order, and must not do so while some of them are held still, because it never goes
/// back to those that it has passed. So it is resumed at the end.
void Engine::begin_release(Lane& lane) {
    lane.release += 1;
    if (lane.ordered())
        put_back(dispatcher_.stop(lane.slot, mono()), Gate::paused);
    else
        dispatcher_.resume(lane.slot, mono());
    tasks_.spawn(release_rows(lane.target->destination.no, lane.release));
}

runtime::Task<> Engine::release_rows(std::int64_t destination_no, std::uint32_t release) {
    for (;;) {
        Lane* lane = lane_of(destination_no);
        if (lane == nullptr || stopping_) co_return;
        if (gate_of(lane->target->destination) != Gate::open) co_return;
        const Timestamp at = now();
        const auto released =
            co_await store::write(parts_.loop, parts_.writer, [destination_no, at](store::Tx& tx) {
                return store::release_held(tx.db(), {destination_no, at, "", slice_rows});
            });
        if (!released) {
            parts_.log.warning("delivery.release_failed", {{"error", released.error()}});
            co_await parts_.loop.sleep_for(patience);
            continue;
        }
        lane = lane_of(destination_no);
        if (lane == nullptr) co_return;
        const bool last = released->size() < slice_rows;
        if (lane->ordered()) {
            const bool open = gate_of(lane->target->destination) == Gate::open;
            if (last && open && lane->release == release) dispatcher_.resume(lane->slot, mono());
        } else {
            for (const std::int64_t no : *released) take(Due{destination_no, no, at});
        }
        pump();
        if (last) co_return;
    }
}

// --- Queues ---

void Engine::pump() {
    if (std::exchange(pumping_, true)) return;
    // In a burst their own turn may be far off, and one of them may be next to start.
    if (mailbox_.has_letters()) read_letters();
    const Timestamp at = now();
    if (may_start()) {
        pump_due(at);
        // What may start now is started by one pump after the other, not by each attempt that ends.
        for (int started = 0; may_start() && !pump_posted_; ++started) {
            if (started == starts_at_once) {
                pump_later();
                break;
            }
            const auto start = dispatcher_.next(mono());
            if (!start) break;
            tasks_.spawn(attempt(*start));
        }
        while (auto question = dispatcher_.next_refill()) tasks_.spawn(refill_ordered(*question));
        if (!refilling_ && due_.needs_refill(at)) tasks_.spawn(refill_due());
    }
    pumping_ = false;
    parts_.probe.waiting.set(dispatcher_.queued());
    parts_.probe.due_in_memory.set(static_cast<std::int64_t>(due_.size()));
    arm(at);
}

void Engine::pump_later() {
    if (std::exchange(pump_posted_, true)) return;
    parts_.loop.post([this] {
        pump_posted_ = false;
        pump();
    });
}

void Engine::pump_due(Timestamp at) {
    while (const auto entry = due_.pop(at)) {
        Lane* lane = lane_of(entry->destination);
        if (lane == nullptr || lane->slot.generation != entry->generation) continue;
        Ref ref{entry->delivery, 0, lane->slot};
        if (lane->target->destination.limits.order != OrderPolicy::none) {
            const auto key = order_keys_.find(entry->delivery);
            if (key == order_keys_.end()) {
                // After a restart: a refill is on its way and brings the key.
                postpone(*entry, patience);
                continue;
            }
            ref.order_key = key->second;
        }
        // What is on its way to the row says when it is due next, if at all.
        if (unwritten(entry->delivery) != Unwritten::none) continue;
        if (!active_.insert(entry->delivery).second) continue;
        const Enqueued enqueued = dispatcher_.enqueue_due(ref, mono());
        if (enqueued == Enqueued::queued) continue;
        active_.erase(entry->delivery);
        if (enqueued != Enqueued::backlogged) continue;
        postpone(*entry, dispatcher_.backlog_wait(lane->slot, mono()));
    }
}

/// Only in memory: the row stays due, and a restart finds it so.
void Engine::postpone(DueEntry entry, Duration by) {
    entry.due_ms = to_ms(now() + by);
    due_.postpone(entry);
}

/// The circuit opened: what waits in memory for the destination becomes rows that are due after it,
/// and nothing more is kept here until it closes. Rows that were due get a later time, with a note
/// among their attempts; past the first of them, in memory only.
void Engine::shed(Lane& lane) {
    const std::int64_t no = lane.target->destination.no;
    parts_.log.warning("delivery.circuit_opened", {{"destination", lane.target->destination.id}});
    const Timestamp at = now() + Breaker::open_time;
    std::size_t noted = 0;
    for (const Ref& ref : dispatcher_.stop(lane.slot, mono())) {
        if (ref.delivery < 0) {
            spill(waiting_[static_cast<std::size_t>(-1 - ref.delivery)], at, DeliveryState::queued,
                  "circuit_open");
            continue;
        }
        active_.erase(ref.delivery);
        if (noted++ < noted_waits_max)
            add(wait_of(ref.delivery, lane.target->destination, at));
        else
            postpone({0, ref.delivery, static_cast<std::int32_t>(no), lane.slot.generation},
                     Breaker::open_time);
    }
    dispatcher_.resume(lane.slot, mono());
}

Record Engine::wait_of(std::int64_t delivery_no, const Destination& destination,
                       Timestamp until) const {
    Record record;
    record.what = Record::What::skip;
    record.delivery_no = delivery_no;
    record.destination_no = destination.no;
    record.workspace_no = destination.workspace_no;
    record.started_at = now();
    record.state = DeliveryState::queued;
    record.next_at = until;
    record.reason = "circuit_open";
    return record;
}

/// Everybody may see until when nothing is tried.
void Engine::show_circuit(const Lane& lane) {
    const std::int64_t no = lane.target->destination.no;
    const auto view = dispatcher_.view(lane.slot, mono());
    if (!view || view->circuit == Breaker::State::closed) return parts_.backlogs.set_open(no);
    const auto rest = std::max(view->ready_at - mono(), std::chrono::nanoseconds{0});
    parts_.backlogs.set_shut(no, now() + std::chrono::duration_cast<Duration>(rest));
}

/// Gives up what waited past its window without getting its turn: an open circuit, a rate far too
/// low. Every `sweep_every`, from the rows.
runtime::Task<> Engine::sweep() {
    while (!stopping_) {
        co_await parts_.loop.sleep_for(options_.sweep_every);
        store::TimePosition after;
        for (;;) {
            auto rows =
                co_await store::read(parts_.loop, parts_.reader,
                                     [after, until = now() - window_grace](sql::Connection& db) {
                                         return store::list_overdue(db, until, after, slice_rows);
                                     });
            if (!rows || rows->empty()) break;
            for (const store::DeliveryRow& row : *rows) {
                after = {*row.next_at, row.no};
                // It has its turn: what comes of that is what counts.
                if (under_way_.contains(row.no) || unwritten(row.no) != Unwritten::none) continue;
                Lane* lane = lane_of(row.destination_no);
                if (lane == nullptr || gate_of(lane->target->destination) != Gate::open) continue;
                const Timestamp begun = row.first_at.value_or(row.created_at);
                const Timestamp ends =
                    std::max(begun + lane->schedule.window(), *row.next_at) + window_grace;
                if (ends > now()) continue;
                Record record;
                record.what = Record::What::change;
                record.delivery_no = row.no;
                record.id = row.id;
                record.event_seq = row.event_seq;
                record.destination_no = row.destination_no;
                record.workspace_no = row.workspace_no;
                record.n = row.attempts;
                record.from = static_cast<DeliveryState>(row.state);
                record.state = DeliveryState::failed;
                record.reason = to_text(Reason::window_over);
                record.effects = {Effect::alert_failed};
                record.words = "its time was over before it got its turn";
                dispatcher_.settle(
                    {row.no, order_keys_.contains(row.no) ? order_keys_[row.no] : 0, lane->slot},
                    mono());
                parts_.probe.failed.add();
                add(std::move(record));
            }
            if (rows->size() < slice_rows) break;
        }
    }
}

void Engine::arm(Timestamp at) {
    // What is due stays due: waking up for it again and again would only burn the processor. A
    // batch that was written pumps again.
    if (!may_start()) return;
    const MonoTime start = mono();
    MonoTime wake = start + options_.look_again;
    if (const auto due = due_.next_due(); due && *due < at + options_.look_again)
        wake = start + std::max(Duration{0}, *due - at);
    if (const auto next = dispatcher_.next_wakeup(start); next && *next < wake) wake = *next;
    if (armed_for_ <= wake && armed_for_ > start) return;
    parts_.loop.timers().cancel(alarm_);
    armed_for_ = wake;
    alarm_ = parts_.loop.timers().at(wake, [this] {
        armed_for_ = MonoTime::max();
        pump();
    });
}

}  // namespace blotter::delivery
