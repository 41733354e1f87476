#include "delivery/dispatcher.hpp"

#include <algorithm>

#include "base/invariant.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t fresh = static_cast<std::size_t>(Lane::fresh);
constexpr std::size_t late = static_cast<std::size_t>(Lane::late);
/// A destination that never answered fast may hold this many slots.
constexpr std::uint32_t unproven_in_flight_max = 2;
constexpr std::chrono::nanoseconds sample_max = 30s;

}  // namespace

Dispatcher::Dispatcher(DispatcherLimits limits, MonoTime)
    : limits_(limits), pool_(limits.queued_max), slots_(limits.shared_slots + limits.slow_slots) {
    INVARIANT(limits.shared_slots >= 1);
    INVARIANT(limits.slow_slots >= 1);
    INVARIANT(limits.queued_max >= 64);
    free_slots_.reserve(slots_.size());
    for (std::size_t i = slots_.size(); i > 0; --i)
        free_slots_.push_back(static_cast<std::uint32_t>(i - 1));
}

Dispatcher::Destination* Dispatcher::find(Slot slot) {
    if (slot.index < 0 || static_cast<std::size_t>(slot.index) >= destinations_.size())
        return nullptr;
    Destination& found = destinations_[slot.index];
    return found.live && found.generation == slot.generation ? &found : nullptr;
}

std::uint32_t Dispatcher::in_flight_limit(const Destination& destination, MonoTime now) const {
    const std::uint32_t limit =
        destination.breaker.allowed(destination.config.concurrency_max, now);
    return destination.proven ? limit : std::min(limit, unproven_in_flight_max);
}

/// Brings the rings in line with what a destination may do now. Called after each change to it, so
/// that whatever is in a ring may start: time alone only ever opens things.
void Dispatcher::refresh(std::int32_t index, MonoTime now) {
    Destination& destination = destinations_[index];
    const bool has_fresh = !destination.waiting[fresh].empty();
    const bool has_late = !destination.waiting[late].empty();
    const bool wants = destination.live && !destination.stopped && (has_fresh || has_late);
    const MonoTime ready_at =
        wants ? std::max(destination.throttle.ready_at(now), destination.breaker.ready_at(now))
              : now;
    const bool open =
        wants && ready_at <= now && destination.in_flight < in_flight_limit(destination, now);
    if (wants && ready_at > now) {
        wakes_.set(index, ready_at);
    } else {
        wakes_.erase(index);
    }
    const std::size_t kind = kind_of(destination);
    const std::array<bool, 2> eligible{
        open && has_fresh, open && has_late && (!has_fresh || destination.credit.enough())};
    for (const std::size_t lane : {fresh, late}) {
        const bool linked = destination.places[lane].linked();
        if (linked && (!eligible[lane] || destination.linked_in[lane] != kind)) leave(index, lane);
        if (eligible[lane] && !destination.places[lane].linked()) {
            // Turns of one ring say nothing about those of another.
            if (destination.linked_in[lane] != kind) destination.places[lane] = {};
            destination.linked_in[lane] = kind;
            join(index, lane);
        }
    }
}

void Dispatcher::join(std::int32_t index, std::size_t lane) {
    Destination& destination = destinations_[index];
    const std::size_t ring = ring_of(destination.linked_in[lane], lane);
    workspaces_[destination.workspace].shares[ring].destinations.join(
        index, [&](std::int32_t i) -> FairRing::Place& { return destinations_[i].places[lane]; });
    relink(destination.workspace);
}

void Dispatcher::leave(std::int32_t index, std::size_t lane) {
    Destination& destination = destinations_[index];
    const std::size_t ring = ring_of(destination.linked_in[lane], lane);
    workspaces_[destination.workspace].shares[ring].destinations.remove(
        index, [&](std::int32_t i) -> FairRing::Place& { return destinations_[i].places[lane]; });
    destination.turns[lane] = 0;
    relink(destination.workspace);
}

/// A workspace is in a ring exactly when it has destinations for it and room for an attempt.
void Dispatcher::relink(std::int32_t workspace) {
    Workspace& owner = workspaces_[workspace];
    const bool room = owner.in_flight < owner.config.in_flight_max;
    for (std::size_t ring = 0; ring < rings_count; ++ring) {
        Workspace::Share& share = owner.shares[ring];
        const bool wanted = room && !share.destinations.empty();
        const auto places = [&](std::int32_t i) -> FairRing::Place& {
            return workspaces_[i].shares[ring].place;
        };
        if (wanted && !share.place.linked()) rings_[ring].join(workspace, places);
        if (!wanted && share.place.linked()) {
            rings_[ring].remove(workspace, places);
            share.turns = 0;
        }
    }
}

std::optional<Start> Dispatcher::next(MonoTime now) {
    while (const auto wake = wakes_.earliest()) {
        if (wake->at > now) break;
        refresh(wake->lane, now);
    }
    mark_overdue(now);
    if (paced_until_ <= now) {
        if (const auto kind = next_doubtful()) {
            charge_pace(*kind, now);
            return start(*kind, *choose_lane(*kind), now);
        }
    }
    if (!has_slot(shared)) return {};
    const auto lane = choose_lane(shared);
    return lane ? std::optional{start(shared, *lane, now)} : std::nullopt;
}

std::size_t Dispatcher::kind_of(const Destination& destination) {
    if (destination.is_slow) return slow;
    return destination.is_failing ? failing : shared;
}

/// Slow ones and failing ones in turn; nothing when neither has anything that may start.
std::optional<std::size_t> Dispatcher::next_doubtful() const {
    const std::size_t other = last_doubtful_ == slow ? failing : slow;
    for (const std::size_t kind : {other, last_doubtful_})
        if (has_slot(kind) && choose_lane(kind)) return kind;
    return {};
}

void Dispatcher::charge_pace(std::size_t kind, MonoTime now) {
    last_doubtful_ = kind;
    paced_until_ = std::max(paced_until_, now - 2 * limits_.doubtful_pace) + limits_.doubtful_pace;
}

bool Dispatcher::has_slot(std::size_t kind) const {
    const std::uint32_t slots = kind == slow ? limits_.slow_slots : limits_.shared_slots;
    return in_flight_[slot_of(kind)] < slots;
}

std::optional<Lane> Dispatcher::choose_lane(std::size_t kind) const {
    const bool has_fresh = !rings_[ring_of(kind, fresh)].empty();
    const bool has_late = !rings_[ring_of(kind, late)].empty();
    if (!has_fresh && !has_late) return {};
    if (has_fresh && has_late) return credits_[kind].enough() ? Lane::late : Lane::fresh;
    return has_fresh ? Lane::fresh : Lane::late;
}

Start Dispatcher::start(std::size_t kind, Lane lane_name, MonoTime now) {
    const auto lane = static_cast<std::size_t>(lane_name);
    const std::size_t ring = ring_of(kind, lane);
    const std::int32_t workspace = rings_[ring].head();
    const std::int32_t index = workspaces_[workspace].shares[ring].destinations.head();
    Destination& destination = destinations_[index];

    if (lane == fresh) {
        credits_[kind].earn();
        destination.credit.earn();
    } else {
        if (!rings_[ring_of(kind, fresh)].empty()) credits_[kind].spend();
        if (!destination.waiting[fresh].empty()) destination.credit.spend();
    }
    const Ref ref = pool_.pop(destination.waiting[lane]);
    const std::uint32_t number = free_slots_.back();
    free_slots_.pop_back();
    slots_[number] = {.ref = ref,
                      .destination = index,
                      .epoch = destination.breaker.started(now),
                      .at = now,
                      .standing = kind == slow ? Standing::slow : Standing::young};
    if (kind != slow)
        young_.push_back(static_cast<std::int32_t>(number),
                         [&](std::int32_t i) -> Link& { return slots_[i].link; });
    in_flight_[slot_of(kind)] += 1;
    destination.in_flight += 1;
    workspaces_[workspace].in_flight += 1;
    destination.throttle.take(now);
    if (destination.gate && ref.order_key != 0) destination.gate->started(ref);

    charge_turn(workspace, index, ring);
    refresh(index, now);
    relink(workspace);
    return {.ref = ref, .lane = lane_name, .number = number, .at = now};
}

/// Deficit round robin with a cost of one: `weight` starts, then the next one's turn.
void Dispatcher::charge_turn(std::int32_t workspace, std::int32_t index, std::size_t ring) {
    const std::size_t lane = ring % 2;
    Workspace& owner = workspaces_[workspace];
    Workspace::Share& share = owner.shares[ring];
    Destination& destination = destinations_[index];
    if (destination.turns[lane] == 0) destination.turns[lane] = destination.config.weight;
    if (--destination.turns[lane] == 0)
        share.destinations.end_turn(
            [&](std::int32_t i) -> FairRing::Place& { return destinations_[i].places[lane]; });
    if (share.turns == 0) share.turns = owner.config.weight;
    if (--share.turns == 0)
        rings_[ring].end_turn(
            [&](std::int32_t i) -> FairRing::Place& { return workspaces_[i].shares[ring].place; });
}

/// Attempts that have been under way for slow_after leave the shared slots, oldest first.
void Dispatcher::mark_overdue(MonoTime now) {
    const auto links = [&](std::int32_t i) -> Link& { return slots_[i].link; };
    while (!young_.empty() && slots_[young_.head].at + limits_.slow_after <= now) {
        const std::int32_t number = young_.head;
        InFlight& slot = slots_[number];
        young_.remove(number, links);
        overdue_.push_back(number, links);
        slot.standing = Standing::overdue;
        slot.was_overdue = true;
        Destination& destination = destinations_[slot.destination];
        destination.overdue += 1;
        if (destination.is_slow) continue;
        destination.is_slow = true;
        refresh(slot.destination, now);
    }
    move_overdue();
}

void Dispatcher::move_overdue() {
    const auto links = [&](std::int32_t i) -> Link& { return slots_[i].link; };
    while (!overdue_.empty() && in_flight_[slow] < limits_.slow_slots) {
        const std::int32_t number = overdue_.head;
        overdue_.remove(number, links);
        slots_[number].standing = Standing::slow;
        in_flight_[shared] -= 1;
        in_flight_[slow] += 1;
    }
}

void Dispatcher::free_slot(std::uint32_t number) {
    const auto links = [&](std::int32_t i) -> Link& { return slots_[i].link; };
    InFlight& slot = slots_[number];
    const auto index = static_cast<std::int32_t>(number);
    if (slot.standing == Standing::young) young_.remove(index, links);
    if (slot.standing == Standing::overdue) overdue_.remove(index, links);
    in_flight_[slot.standing == Standing::slow ? slow : shared] -= 1;
    slot.standing = Standing::free;
    free_slots_.push_back(number);
    move_overdue();
}

void Dispatcher::learn_time(Destination& destination, OutcomeKind kind,
                            std::chrono::nanoseconds took) {
    if (kind == OutcomeKind::not_sent) return;
    const std::chrono::nanoseconds sample = std::min(took, sample_max);
    const bool first = destination.mean_time == 0ns;
    destination.mean_time += first ? sample : (sample - destination.mean_time) / 8;
    const bool answered = kind != OutcomeKind::unreachable && kind != OutcomeKind::no_answer;
    if (answered && took < limits_.slow_after) destination.proven = true;
}

Breaker::Change Dispatcher::finished(const Start& start, const End& end, MonoTime now) {
    INVARIANT(start.number < slots_.size());
    const InFlight slot = slots_[start.number];
    INVARIANT(slot.standing != Standing::free);
    INVARIANT(slot.ref == start.ref);
    free_slot(start.number);

    Destination& destination = destinations_[slot.destination];
    destination.in_flight -= 1;
    if (slot.was_overdue) destination.overdue -= 1;
    workspaces_[destination.workspace].in_flight -= 1;
    relink(destination.workspace);
    if (!destination.live) {
        if (destination.in_flight == 0) free_destinations_.push_back(slot.destination);
        return Breaker::Change::none;
    }

    learn_time(destination, end.kind, now - slot.at);
    if (end.kind != OutcomeKind::not_sent)
        destination.is_failing = speaks_against_receiver(end.kind);
    const std::chrono::nanoseconds bound =
        destination.is_slow ? limits_.slow_after / 2 : limits_.slow_after;
    destination.is_slow = destination.overdue > 0 || destination.mean_time >= bound;
    if (asks_to_slow_down(end.kind)) destination.throttle.slow_down(slot.at, now);
    if (end.token == Token::unused) destination.throttle.give_back(now);
    if (end.retry_after) destination.throttle.pause(*end.retry_after, now);
    const Breaker::Change change =
        destination.breaker.finished(slot.epoch, end.kind, destination.config.concurrency_max, now);

    if (destination.gate && slot.ref.order_key != 0) {
        if (end.settled == Settled::not_final) {
            destination.gate->parked(slot.ref);
        } else if (const auto successor = destination.gate->leave(slot.ref, pool_)) {
            pool_.push(destination.waiting[fresh], *successor);
        }
    }
    refresh(slot.destination, now);
    return change;
}

std::optional<MonoTime> Dispatcher::next_wakeup(MonoTime now) const {
    std::optional<MonoTime> earliest;
    if (const auto wake = wakes_.earliest()) earliest = std::max(wake->at, now);
    if (paced_until_ > now && next_doubtful())
        earliest = earliest ? std::min(*earliest, paced_until_) : paced_until_;
    // With all shared slots taken, the next thing to happen may be that one counts as slow.
    const bool waits_for_slot =
        !has_slot(shared) && has_slot(slow) && (choose_lane(shared) || choose_lane(failing));
    if (waits_for_slot && !young_.empty()) {
        const MonoTime moves = std::max(slots_[young_.head].at + limits_.slow_after, now);
        earliest = earliest ? std::min(*earliest, moves) : moves;
    }
    return earliest;
}

}  // namespace blotter::delivery
