#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "delivery/breaker.hpp"
#include "delivery/outcome.hpp"
#include "delivery/ref.hpp"
#include "delivery/throttle.hpp"

namespace blotter::delivery {

/// The limits of one dispatcher, that is of one loop.
struct DispatcherLimits {
    std::uint32_t shared_slots = 768;  ///< attempts under way, for destinations that answer fast
    std::uint32_t slow_slots = 256;    ///< and for those that do not
    std::uint32_t queued_max = 200'000;
    /// An attempt under way for longer makes its destination slow.
    std::chrono::nanoseconds slow_after = std::chrono::seconds{1};
    /// Between starts towards destinations that are slow or whose last attempt spoke against them;
    /// after a rest three may start at once.
    std::chrono::nanoseconds doubtful_pace = std::chrono::microseconds{500};
};

struct WorkspaceConfig {
    std::uint32_t weight = 1;  ///< 1 to 1,000: starts per turn
    std::uint32_t in_flight_max = 256;
};

enum class Order : std::uint8_t { none, per_envelope };

struct DestinationConfig {
    std::uint64_t workspace = 0;        ///< any number that stands for the workspace
    std::uint32_t weight = 1;           ///< 1 to 1,000: starts per turn within its workspace
    std::uint32_t concurrency_max = 8;  ///< attempts under way at once
    ThrottleConfig throttle;
    std::uint32_t queue_max = 1'000;  ///< waiting here: fresh, and as many retries
    Order order = Order::none;
    std::uint32_t ordered_keys_max = 4'096;  ///< envelopes that may be in work at once, if ordered
};

/// A first attempt, or one that became due later.
enum class Lane : std::uint8_t { fresh = 0, late = 1 };

enum class Enqueued : std::uint8_t {
    queued,
    backlogged,  ///< no room, or an open circuit: the caller makes it durably due (backlog_wait)
    stopped,     ///< the destination is paused or disabled: the caller holds it
    unknown,     ///< there is no such destination any more
};

/// "Make this attempt now." Goes back into `finished` exactly once.
struct Start {
    Ref ref;
    Lane lane = Lane::fresh;
    std::uint32_t number = 0;  ///< the slot taken
    MonoTime at;
};

/// Whether the delivery is over, as the state machine decided; successors wait until it is.
enum class Settled : std::uint8_t { final, not_final };

/// Whether an attempt took something of the receiver's patience. `unused`: nothing was sent, so its
/// place in the rate is free again.
enum class Token : std::uint8_t { used, unused };

struct End {
    OutcomeKind kind = OutcomeKind::not_sent;
    std::optional<Duration> retry_after;
    Settled settled = Settled::final;
    Token token = Token::used;
};

/// A request to load deliveries of an ordered destination from the store: all that are not final
/// and have a row number above `after`, ascending, at most `limit`.
struct Refill {
    Slot destination;
    std::int64_t after = 0;
    std::uint32_t limit = 0;
    std::uint32_t round = 0;  ///< an answer to an earlier question is refused
};

/// What a refill's answer has told: all there is, or a part, after which there may be more.
enum class Told : std::uint8_t { all, part };

/// Whether a delivery loaded by a refill may start now, or waits for a retry that is due later.
enum class Ready : std::uint8_t { no, yes };

/// What people and metrics see of one destination.
struct DestinationView {
    std::uint32_t fresh = 0;
    std::uint32_t late = 0;
    std::uint32_t in_order = 0;  ///< waiting behind another delivery of their envelope
    std::uint32_t in_flight = 0;
    std::uint32_t in_flight_max = 0;  ///< in force now
    std::uint64_t rate_millihertz = 0;
    Breaker::State circuit = Breaker::State::closed;
    MonoTime ready_at;  ///< no start before, by throttle and circuit
    bool slow = false;
    bool stopped = false;
    bool spilled = false;
};

}  // namespace blotter::delivery
