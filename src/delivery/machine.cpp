#include "delivery/machine.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter::delivery {
namespace {

Decision finish(Delivery delivery, DeliveryState state, Reason reason, Effects effects) {
    delivery.state = state;
    delivery.reason = reason;
    delivery.due.reset();
    delivery.skip_noted = false;
    delivery.cancel_asked = false;
    return {delivery, Finish{state}, effects};
}

Decision hold(Delivery delivery, Gate gate, Effects effects = {}) {
    INVARIANT(gate != Gate::open);
    delivery.state = DeliveryState::held;
    delivery.reason =
        gate == Gate::paused ? Reason::destination_paused : Reason::destination_disabled;
    return {delivery, Hold{delivery.reason}, effects};
}

/// Queued or retrying: sent now when it is due, else later.
Decision wait_turn(Delivery delivery, Timestamp now, Effects effects = {}) {
    delivery.state = delivery.attempts == 0 ? DeliveryState::queued : DeliveryState::retrying;
    delivery.reason = Reason::none;
    if (delivery.due && *delivery.due > now) return {delivery, WaitUntil{*delivery.due}, effects};
    return {delivery, SendNow{}, effects};
}

/// The step that the state asks for when nothing changes.
Decision unchanged(const Delivery& delivery, const Context& context) {
    switch (delivery.state) {
        case DeliveryState::queued:
        case DeliveryState::retrying:
            return wait_turn(delivery, context.now);
        case DeliveryState::in_flight:
            return {delivery, AwaitOutcome{}, {}};
        case DeliveryState::held:
            return {delivery, Hold{delivery.reason}, {}};
        default:
            return {delivery, Finish{delivery.state}, {}};
    }
}

std::unexpected<Error> refuse(const Delivery& delivery, std::string_view what) {
    return fail(Errc::conflict,
                fmt::format("{}: the delivery is {}", what, to_text(delivery.state)));
}

struct Visitor {
    const Delivery& delivery;
    const Context& context;

    bool waits_turn() const {
        return delivery.state == DeliveryState::queued || delivery.state == DeliveryState::retrying;
    }

    Result<Decision> operator()(const Planned&) const {
        if (delivery != Delivery{.ends = delivery.ends})
            return refuse(delivery, "only a new delivery can be planned");
        Delivery after;
        // Until the first attempt starts, the window counts from the plan: a destination whose
        // circuit never closes must not keep a delivery waiting for ever.
        after.ends = context.now + context.schedule.window() + window_grace;
        if (context.gate != Gate::open) return hold(after, context.gate);
        return wait_turn(after, context.now);
    }

    Result<Decision> operator()(const Started&) const {
        if (!waits_turn()) return refuse(delivery, "no attempt can start");
        if (context.gate != Gate::open) return hold(delivery, context.gate);
        if (context.now >= delivery.ends) return (*this)(WindowOver{});
        // The wall clock may have been set back since the dispatcher was told.
        if (delivery.due && *delivery.due > context.now) return wait_turn(delivery, context.now);
        Delivery after = delivery;
        after.state = DeliveryState::in_flight;
        after.attempts += 1;
        after.skip_noted = false;
        if (after.attempts == 1) {
            after.first_started = context.now;
            after.ends = context.now + context.schedule.window() + window_grace;
        }
        return Decision{after, AwaitOutcome{}, {}};
    }

    Result<Decision> operator()(const Ended& ended) const {
        if (delivery.state != DeliveryState::in_flight)
            return refuse(delivery, "no attempt is under way");
        const OutcomeKind kind = ended.outcome.kind();
        if (kind == OutcomeKind::not_sent) return take_back();
        Effects effects{Effect::record_attempt};
        if (kind == OutcomeKind::success)
            return finish(delivery, DeliveryState::delivered, Reason::accepted, effects);
        if (kind == OutcomeKind::gone) {
            effects.add(Effect::disable_destination);
            effects.add(Effect::alert_gone);
            return finish(delivery, DeliveryState::failed, Reason::receiver_gone, effects);
        }
        if (kind == OutcomeKind::blocked && !delivery.cancel_asked) return park(effects);
        if (kind == OutcomeKind::hopeless) {
            effects.add(Effect::alert_failed);
            return finish(delivery, DeliveryState::failed, Reason::not_permitted, effects);
        }
        if (kind == OutcomeKind::unclear) {
            effects.add(Effect::alert_unclear);
            return finish(delivery, DeliveryState::failed, Reason::outcome_unclear, effects);
        }
        if (asks_to_slow_down(kind)) effects.add(Effect::slow_down);
        if (delivery.cancel_asked)
            return finish(delivery, DeliveryState::cancelled, Reason::cancelled, effects);

        INVARIANT(delivery.first_started.has_value());
        const FailedAttempt failed{.attempts_made = delivery.attempts,
                                   .first_started = *delivery.first_started,
                                   .ended = context.now,
                                   .retry_after = ended.outcome.retry_after};
        Delivery after = delivery;
        after.due = next_due(context.schedule, failed, context.random);
        if (!after.due) {
            effects.add(Effect::alert_failed);
            const bool used_up = delivery.attempts >= context.schedule.attempts_max();
            return finish(delivery, DeliveryState::failed,
                          used_up ? Reason::attempts_used_up : Reason::window_over, effects);
        }
        if (context.gate != Gate::open) return hold(after, context.gate, effects);
        return wait_turn(after, context.now, effects);
    }

    Result<Decision> operator()(const DestinationChanged&) const {
        if (is_final(delivery.state) || delivery.state == DeliveryState::in_flight)
            return unchanged(delivery, context);
        if (context.gate != Gate::open) return hold(delivery, context.gate);
        if (delivery.state == DeliveryState::held) return resume();
        return unchanged(delivery, context);
    }

    Result<Decision> operator()(const WindowOver&) const {
        if (!waits_turn() || context.now < delivery.ends) return unchanged(delivery, context);
        return finish(delivery, DeliveryState::failed, Reason::window_over, {Effect::alert_failed});
    }

    Result<Decision> operator()(const Skipped& skipped) const {
        if (!waits_turn()) return refuse(delivery, "only a waiting delivery can be skipped");
        Delivery after = delivery;
        Effects effects;
        if (!after.skip_noted) effects.add(Effect::record_skip);
        after.skip_noted = true;
        const Timestamp earliest = std::max(delivery.due.value_or(context.now), skipped.until);
        after.due = std::min(earliest, delivery.ends);
        return wait_turn(after, context.now, effects);
    }

    Result<Decision> operator()(const Cancelled&) const {
        if (is_final(delivery.state)) return refuse(delivery, "it cannot be cancelled any more");
        if (delivery.state != DeliveryState::in_flight)
            return finish(delivery, DeliveryState::cancelled, Reason::cancelled, {});
        Delivery after = delivery;
        after.cancel_asked = true;
        return Decision{after, AwaitOutcome{}, {}};
    }

    Result<Decision> operator()(const Replayed&) const {
        if (!is_final(delivery.state))
            return refuse(delivery, "only a finished delivery can be replayed");
        return Decision{delivery, Finish{delivery.state}, {Effect::create_replay}};
    }

  private:
    /// It waits with everything else for its destination until that works again, however many
    /// attempts were made: what is wrong is not the event's fault.
    Decision park(Effects effects) const {
        effects.add(Effect::disable_destination);
        effects.add(Effect::alert_blocked);
        Delivery after = delivery;
        after.state = DeliveryState::held;
        after.reason = Reason::receiver_blocked;
        after.due = context.now;
        return {after, Hold{after.reason}, effects};
    }

    /// Nothing left us, so the attempt never was.
    Decision take_back() const {
        Delivery after = delivery;
        INVARIANT(after.attempts >= 1);
        after.attempts -= 1;
        if (after.attempts == 0) after.first_started.reset();
        if (after.cancel_asked)
            return finish(after, DeliveryState::cancelled, Reason::cancelled, {});
        if (context.gate != Gate::open) return hold(after, context.gate);
        return wait_turn(after, context.now);
    }

    /// Time spent held does not count: a resumed delivery gets a whole window when it was never
    /// attempted, and at least one more attempt when its window went by meanwhile.
    Decision resume() const {
        Delivery after = delivery;
        if (after.attempts == 0) {
            after.ends = context.now + context.schedule.window() + window_grace;
            after.due.reset();
        } else {
            const Timestamp due = std::max(after.due.value_or(context.now), context.now);
            after.due = due;
            after.ends = std::max(after.ends, due + window_grace);
        }
        return wait_turn(after, context.now);
    }
};

}  // namespace

std::string_view to_text(DeliveryState state) {
    switch (state) {
        case DeliveryState::queued:
            return "queued";
        case DeliveryState::in_flight:
            return "in_flight";
        case DeliveryState::retrying:
            return "retrying";
        case DeliveryState::held:
            return "held";
        case DeliveryState::delivered:
            return "delivered";
        case DeliveryState::failed:
            return "failed";
        case DeliveryState::cancelled:
            return "cancelled";
    }
    return "";
}

std::optional<DeliveryState> delivery_state_from(std::int64_t stored) {
    const bool known = stored >= std::to_underlying(DeliveryState::queued) &&
                       stored <= std::to_underlying(DeliveryState::cancelled);
    if (!known || stored == std::to_underlying(DeliveryState::in_flight)) return {};
    return static_cast<DeliveryState>(stored);
}

bool is_final(DeliveryState state) {
    return state == DeliveryState::delivered || state == DeliveryState::failed ||
           state == DeliveryState::cancelled;
}

std::string_view to_text(Reason reason) {
    switch (reason) {
        case Reason::none:
            return "none";
        case Reason::destination_paused:
            return "destination_paused";
        case Reason::destination_disabled:
            return "destination_disabled";
        case Reason::receiver_blocked:
            return "receiver_blocked";
        case Reason::accepted:
            return "accepted";
        case Reason::attempts_used_up:
            return "attempts_used_up";
        case Reason::receiver_gone:
            return "receiver_gone";
        case Reason::window_over:
            return "window_over";
        case Reason::cancelled:
            return "cancelled";
        case Reason::not_permitted:
            return "not_permitted";
        case Reason::outcome_unclear:
            return "outcome_unclear";
    }
    return "";
}

std::string_view words_of(Reason reason) {
    switch (reason) {
        case Reason::none:
            return "";
        case Reason::destination_paused:
            return "kept back while the destination is paused";
        case Reason::destination_disabled:
            return "kept back while the destination is disabled";
        case Reason::receiver_blocked:
            return "kept back until what the receiver complains about is changed";
        case Reason::accepted:
            return "the receiver accepted the event";
        case Reason::attempts_used_up:
            return "the last attempt failed";
        case Reason::receiver_gone:
            return "the receiver answered that it is gone for good";
        case Reason::window_over:
            return "the time for attempts is over";
        case Reason::cancelled:
            return "cancelled";
        case Reason::not_permitted:
            return "the receiver will never take it";
        case Reason::outcome_unclear:
            return "whether the receiver took it is not known; a person decides";
    }
    return "";
}

DeliveryState stored_state(const Delivery& delivery) {
    if (delivery.state != DeliveryState::in_flight) return delivery.state;
    return delivery.attempts <= 1 ? DeliveryState::queued : DeliveryState::retrying;
}

Result<Decision> decide(const Delivery& delivery, const Input& input, const Context& context) {
    return std::visit(Visitor{delivery, context}, input);
}

}  // namespace blotter::delivery
