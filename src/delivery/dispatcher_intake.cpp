// The side of the dispatcher that takes things in: destinations, deliveries, refills.
#include <algorithm>
#include <limits>

#include "base/invariant.hpp"
#include "delivery/dispatcher.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t fresh = static_cast<std::size_t>(Lane::fresh);
constexpr std::size_t late = static_cast<std::size_t>(Lane::late);
/// The last eighth of the memory for waiting refs is for destinations with fewer than this many,
/// so that a few long queues cannot keep everybody else out.
constexpr std::uint32_t short_queue = 16;

DestinationConfig bounded(DestinationConfig config) {
    config.weight = std::clamp(config.weight, 1U, 1'000U);
    config.concurrency_max = std::clamp(config.concurrency_max, 1U, 10'000U);
    config.queue_max = std::clamp(config.queue_max, 1U, 1'000'000U);
    config.ordered_keys_max = std::clamp(config.ordered_keys_max, 2U, 1'000'000U);
    return config;
}

}  // namespace

std::int32_t Dispatcher::workspace_of(std::uint64_t key) {
    const auto [place, added] =
        workspace_numbers_.try_emplace(key, static_cast<std::int32_t>(workspaces_.size()));
    if (added) workspaces_.emplace_back();
    return place->second;
}

void Dispatcher::set_workspace(std::uint64_t key, WorkspaceConfig config) {
    const std::int32_t number = workspace_of(key);
    workspaces_[number].config = {.weight = std::clamp(config.weight, 1U, 1'000U),
                                  .in_flight_max = std::max(config.in_flight_max, 1U)};
    relink(number);
}

Slot Dispatcher::add_destination(const DestinationConfig& config, MonoTime now) {
    Destination destination{bounded(config), now};
    destination.workspace = workspace_of(config.workspace);
    if (config.order == Order::per_envelope)
        destination.gate = std::make_unique<OrderGate>(destination.config.ordered_keys_max);
    std::int32_t index = 0;
    if (free_destinations_.empty()) {
        index = static_cast<std::int32_t>(destinations_.size());
        destinations_.push_back(std::move(destination));
    } else {
        index = free_destinations_.back();
        free_destinations_.pop_back();
        destination.generation = destinations_[index].generation + 1;
        destinations_[index] = std::move(destination);
    }
    Destination& added = destinations_[index];
    if (added.gate) spill(added, index);
    return {index, added.generation};
}

void Dispatcher::update(Slot slot, const DestinationConfig& config, MonoTime now) {
    Destination* destination = find(slot);
    if (destination == nullptr) return;
    DestinationConfig wanted = bounded(config);
    wanted.workspace = destination->config.workspace;
    wanted.order = destination->config.order;
    wanted.ordered_keys_max = destination->config.ordered_keys_max;
    destination->config = wanted;
    destination->throttle.configure(wanted.throttle, now);
    refresh(slot.index, now);
}

std::vector<Ref> Dispatcher::take_waiting(Destination& destination) {
    std::vector<Ref> out;
    for (RefList& list : destination.waiting)
        while (!list.empty()) out.push_back(pool_.pop(list));
    if (destination.gate) destination.gate->clear(pool_, out);
    std::ranges::sort(out, {}, &Ref::delivery);
    return out;
}

std::vector<Ref> Dispatcher::stop(Slot slot, MonoTime now) {
    Destination* destination = find(slot);
    if (destination == nullptr) return {};
    destination->stopped = true;
    std::vector<Ref> out = take_waiting(*destination);
    if (destination->spilled) unspill(*destination, slot.index);
    refresh(slot.index, now);
    return out;
}

void Dispatcher::resume(Slot slot, MonoTime now) {
    Destination* destination = find(slot);
    if (destination == nullptr || !destination->stopped) return;
    destination->stopped = false;
    destination->presented_last = 0;
    destination->refused_last = 0;
    if (destination->gate) spill(*destination, slot.index);
    refresh(slot.index, now);
}

std::vector<Ref> Dispatcher::remove(Slot slot, MonoTime now) {
    Destination* destination = find(slot);
    if (destination == nullptr) return {};
    std::vector<Ref> out = stop(slot, now);
    destination->live = false;
    if (destination->in_flight == 0) free_destinations_.push_back(slot.index);
    return out;
}

std::uint32_t Dispatcher::room(const Destination& destination, Lane lane) const {
    const std::uint32_t in_order = destination.gate ? destination.gate->waiting() : 0;
    const std::uint32_t mine = destination.waiting[static_cast<std::size_t>(lane)].count +
                               (lane == Lane::fresh ? in_order : 0);
    const std::uint32_t free = pool_.free_count();
    const std::uint32_t kept = limits_.queued_max / 8;
    const std::uint32_t shared = free > kept ? free - kept : 0;
    const std::uint32_t own = mine < short_queue ? std::min(short_queue - mine, free) : 0;
    const std::uint32_t left =
        mine < destination.config.queue_max ? destination.config.queue_max - mine : 0;
    return std::min(left, std::max(shared, own));
}

Enqueued Dispatcher::accept(Destination& destination, const Ref& ref, Lane lane, MonoTime now) {
    if (room(destination, lane) == 0) return refuse(destination, ref);
    bool runs = true;
    if (destination.gate && ref.order_key != 0) {
        const auto entered = destination.gate->enter(ref, pool_);
        if (entered == OrderGate::Entered::full) return refuse(destination, ref);
        runs = entered == OrderGate::Entered::holds;
    }
    destination.presented_last = std::max(destination.presented_last, ref.delivery);
    if (runs) {
        pool_.push(destination.waiting[static_cast<std::size_t>(lane)], ref);
        refresh(ref.destination.index, now);
    }
    return Enqueued::queued;
}

Enqueued Dispatcher::refuse(Destination& destination, const Ref& ref) {
    // A retry whose delivery keeps its place in the order is only late. A delivery that is not
    // known yet leaves a gap, and nothing after it may come in before it.
    if (destination.gate && ref.delivery > destination.presented_last) {
        destination.refused_last = std::max(destination.refused_last, ref.delivery);
        if (!destination.spilled) spill(destination, ref.destination.index);
    }
    return Enqueued::backlogged;
}

Enqueued Dispatcher::enqueue_fresh(const Ref& ref, MonoTime now) {
    Destination* destination = find(ref.destination);
    if (destination == nullptr) return Enqueued::unknown;
    if (destination->stopped) return Enqueued::stopped;
    if (destination->spilled) return refuse(*destination, ref);
    // Planned before the circuit opened, told after it: here it would wait unseen until it closes.
    if (!destination->gate && destination->breaker.state() != Breaker::State::closed)
        return Enqueued::backlogged;
    return accept(*destination, ref, Lane::fresh, now);
}

Enqueued Dispatcher::enqueue_due(const Ref& ref, MonoTime now) {
    Destination* destination = find(ref.destination);
    if (destination == nullptr) return Enqueued::unknown;
    if (destination->stopped) return Enqueued::stopped;
    if (destination->gate) {
        const bool known = ref.delivery <= destination->presented_last;
        if (!known && destination->spilled) return refuse(*destination, ref);
        // Known, but not the one that has the key: it waits behind it already.
        if (known && ref.order_key != 0 && !destination->gate->holds(ref)) return Enqueued::queued;
    }
    return accept(*destination, ref, Lane::late, now);
}

Duration Dispatcher::backlog_wait(Slot slot, MonoTime now) {
    Destination* destination = find(slot);
    if (destination == nullptr) return 1s;
    const MonoTime ready =
        std::max(destination->throttle.ready_at(now), destination->breaker.ready_at(now));
    const std::uint64_t waiting =
        destination->waiting[fresh].count + std::uint64_t{destination->waiting[late].count};
    // Half of what waits here should have gone by then.
    const Duration drained{
        static_cast<std::int64_t>(waiting * 500'000 / destination->throttle.rate_millihertz(now))};
    const auto blocked = std::chrono::duration_cast<Duration>(ready - now);
    return std::clamp<Duration>(std::max(drained, blocked), 1s, 60s);
}

void Dispatcher::settle(const Ref& ref, MonoTime now) {
    Destination* destination = find(ref.destination);
    if (destination == nullptr || !destination->gate || ref.order_key == 0) return;
    if (const auto successor = destination->gate->leave(ref, pool_)) {
        pool_.push(destination->waiting[fresh], *successor);
        refresh(ref.destination.index, now);
    }
}

void Dispatcher::spill(Destination& destination, std::int32_t index) {
    destination.spilled = true;
    spilled_.push_back(index,
                       [&](std::int32_t i) -> Link& { return destinations_[i].spilled_link; });
}

void Dispatcher::unspill(Destination& destination, std::int32_t index) {
    destination.spilled = false;
    destination.refilling = false;
    spilled_.remove(index, [&](std::int32_t i) -> Link& { return destinations_[i].spilled_link; });
}

std::optional<Refill> Dispatcher::next_refill() {
    constexpr int looked_at_max = 8;  // keeps the call O(1); the ring goes on at the next one
    for (int i = 0; i < looked_at_max && !spilled_.empty(); ++i) {
        const std::int32_t index = spilled_.head;
        Destination& destination = destinations_[index];
        spilled_.rotate([&](std::int32_t at) -> Link& { return destinations_[at].spilled_link; });
        const std::uint32_t half = std::max(destination.config.queue_max / 2, 1U);
        const std::uint32_t waiting =
            destination.waiting[fresh].count + destination.gate->waiting();
        // Without room the answer could only be refused, and be asked for again at once.
        const std::uint32_t takes = std::min(half, room(destination, Lane::fresh));
        if (destination.refilling || waiting >= half || takes == 0 ||
            destination.gate->size() > destination.gate->keys_max() / 2)
            continue;
        destination.refilling = true;
        destination.refill_round += 1;
        return Refill{.destination = {index, destination.generation},
                      .after = destination.presented_last,
                      .limit = takes,
                      .round = destination.refill_round};
    }
    return {};
}

Enqueued Dispatcher::refill(const Refill& question, const Ref& ref, Ready ready, MonoTime now) {
    INVARIANT(ref.destination == question.destination);
    Destination* destination = find(ref.destination);
    if (destination == nullptr) return Enqueued::unknown;
    if (destination->stopped) return Enqueued::stopped;
    if (!destination->refilling || destination->refill_round != question.round)
        return Enqueued::backlogged;
    if (ref.delivery <= destination->presented_last) return Enqueued::queued;
    if (ready == Ready::yes) return accept(*destination, ref, Lane::fresh, now);
    if (ref.order_key != 0 && destination->gate->enter(ref, pool_) == OrderGate::Entered::full)
        return refuse(*destination, ref);
    destination->presented_last = ref.delivery;
    return Enqueued::queued;
}

void Dispatcher::refill_done(const Refill& question, std::int64_t through, Told told) {
    Destination* destination = find(question.destination);
    if (destination == nullptr || !destination->refilling ||
        destination->refill_round != question.round)
        return;
    destination->refilling = false;
    destination->presented_last = std::max(destination->presented_last, through);
    if (told == Told::all && through >= destination->refused_last)
        unspill(*destination, question.destination.index);
}

std::optional<DestinationView> Dispatcher::view(Slot slot, MonoTime now) {
    Destination* destination = find(slot);
    if (destination == nullptr) return {};
    return DestinationView{.fresh = destination->waiting[fresh].count,
                           .late = destination->waiting[late].count,
                           .in_order = destination->gate ? destination->gate->waiting() : 0,
                           .in_flight = destination->in_flight,
                           .in_flight_max = in_flight_limit(*destination, now),
                           .rate_millihertz = destination->throttle.rate_millihertz(now),
                           .circuit = destination->breaker.state(),
                           .ready_at = std::max(destination->throttle.ready_at(now),
                                                destination->breaker.ready_at(now)),
                           .slow = destination->is_slow,
                           .stopped = destination->stopped,
                           .spilled = destination->spilled};
}

}  // namespace blotter::delivery
