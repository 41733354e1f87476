#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "base/time.hpp"
#include "delivery/outcome.hpp"
#include "delivery/random.hpp"
#include "delivery/schedule.hpp"

namespace blotter::delivery {

/// Where a delivery stands. Stored: never renumber or reuse a value; a new state gets a new one.
/// `in_flight` exists in memory only: a crash then leaves the state before the attempt, and the
/// attempt is made again with the same id.
enum class DeliveryState : std::uint8_t {
    queued = 1,     ///< not attempted yet
    in_flight = 2,  ///< never stored
    retrying = 3,   ///< attempted, another attempt is due later
    held = 4,       ///< kept back while its destination is paused or disabled
    delivered = 5,  ///< final: a 2xx was seen
    failed = 6,     ///< final: given up, an alert was raised
    cancelled = 7,  ///< final: somebody asked for it, or the destination was removed
};
std::string_view to_text(DeliveryState state);
std::optional<DeliveryState> delivery_state_from(std::int64_t stored);
bool is_final(DeliveryState state);

/// Why a delivery is held or how it ended. Stored: never renumber.
enum class Reason : std::uint8_t {
    none = 0,
    destination_paused = 1,
    destination_disabled = 2,
    receiver_blocked = 3,
    accepted = 10,
    attempts_used_up = 11,
    receiver_gone = 12,
    window_over = 13,
    cancelled = 14,
    not_permitted = 15,
    outcome_unclear = 16,
};
std::string_view to_text(Reason reason);
/// One line for people, for example "the last attempt failed".
std::string_view words_of(Reason reason);

/// Whether the destination takes attempts: its state, as the machine sees it.
enum class Gate : std::uint8_t { open = 1, paused = 2, disabled = 3 };

/// What the machine knows of one delivery. A value: the caller loads and stores it.
/// Invariants: `first_started` is set exactly when attempts were made; `due` is set while
/// retrying; a final state never changes again.
struct Delivery {
    DeliveryState state = DeliveryState::queued;
    Reason reason = Reason::none;
    std::uint32_t attempts = 0;  ///< started, the one in flight included
    std::optional<Timestamp> first_started;
    std::optional<Timestamp> due;  ///< no attempt before this
    Timestamp ends;                ///< given up when still waiting then; see window_grace
    bool skip_noted = false;       ///< the open circuit is already on record for this wait
    bool cancel_asked = false;     ///< while in flight: the outcome decides, then it ends

    bool operator==(const Delivery&) const = default;
};

/// What to write for a delivery: the state before the attempt that is under way.
DeliveryState stored_state(const Delivery& delivery);

// Inputs.
struct Planned {};  ///< routing chose this destination; the row is new
struct Started {};  ///< the dispatcher chose it: may the attempt be made?
struct Ended {      ///< the attempt under way came to this
    Outcome outcome;
};
struct DestinationChanged {};  ///< paused, resumed, disabled, enabled; or: look again (restart)
struct WindowOver {};          ///< the time `ends` has come
struct Skipped {               ///< the circuit is open, no attempt before `until`
    Timestamp until;
};
struct Cancelled {};
struct Replayed {};  ///< somebody asks for this event to be sent again
using Input = std::variant<Planned, Started, Ended, DestinationChanged, WindowOver, Skipped,
                           Cancelled, Replayed>;

/// What a decision may look at besides the delivery.
struct Context {
    const Schedule& schedule;
    Gate gate = Gate::open;
    Timestamp now;
    Random& random;
};

// Steps: exactly one follows each decision.
struct SendNow {
    bool operator==(const SendNow&) const = default;
};
struct AwaitOutcome {
    bool operator==(const AwaitOutcome&) const = default;
};
struct WaitUntil {
    Timestamp at;
    bool operator==(const WaitUntil&) const = default;
};
struct Hold {
    Reason reason;
    bool operator==(const Hold&) const = default;
};
struct Finish {
    DeliveryState state;
    bool operator==(const Finish&) const = default;
};
using Step = std::variant<SendNow, AwaitOutcome, WaitUntil, Hold, Finish>;

/// Side effects, in the order in which they are carried out, in one transaction with the state.
enum class Effect : std::uint8_t {
    record_attempt,       ///< append the attempt with its outcome
    record_skip,          ///< append a visible `skipped(circuit)`; it is no attempt
    slow_down,            ///< tell the destination's throttle
    disable_destination,  ///< and hold everything else for it
    alert_failed,         ///< a final failure that a person must see
    alert_gone,           ///< the receiver answered 410
    alert_blocked,        ///< nothing goes through until somebody changes something
    alert_unclear,        ///< a person must decide whether it is sent again
    create_replay,        ///< plan a NEW delivery of the event, linked to this one
};

/// A small ordered set of effects, without allocation.
class Effects {
  public:
    Effects() = default;
    Effects(std::initializer_list<Effect> list) {
        for (const Effect effect : list) add(effect);
    }
    void add(Effect effect) { bits_ |= bit(effect); }
    bool has(Effect effect) const { return (bits_ & bit(effect)) != 0; }
    bool empty() const { return bits_ == 0; }
    bool operator==(const Effects&) const = default;

  private:
    static unsigned bit(Effect effect) { return 1U << static_cast<unsigned>(effect); }
    unsigned bits_ = 0;
};

struct Decision {
    Delivery after;
    Step step;
    Effects effects;
};

/// The delivery's state machine. Pure: the same arguments give the same decision. An input that
/// the state does not allow is Errc::conflict with the reason and changes nothing; above all, no
/// attempt starts after a final state, so a 2xx that we saw is never followed by another one.
Result<Decision> decide(const Delivery& delivery, const Input& input, const Context& context);

}  // namespace blotter::delivery
