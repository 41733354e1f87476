#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "connectors/event_body.hpp"
#include "model/delivery.hpp"
#include "routing/directory.hpp"
#include "runtime/task.hpp"

namespace blotter::connectors {

/// One attempt to make. `event` and `target` stay as they are until the report; the event is one
/// of `with_data`.
struct AttemptRequest {
    std::shared_ptr<const EventFacts> event;
    routing::TargetPtr target;
    std::uint32_t n = 1;
    Timestamp started_at;
};

/// How far an attempt without an answer came.
enum class Stage : std::uint8_t { prepare, resolve, connect, tls, send, answer, done };

/// What a connector makes of an attempt, where the status of an answer does not say it.
enum class Verdict : std::uint8_t {
    by_status,  ///< the status decides: 2xx is success
    delivered,
    posted_before,  ///< an earlier attempt delivered it; nothing was sent now
    folded,         ///< it is part of a summary; nothing was sent now
    throttled,      ///< less is asked for; `retry_after` says until when
    retry,          ///< it did not arrive, for certain
    blocked,        ///< nothing arrives until a person changes something; `cause` names it
    not_permitted,  ///< this one will never arrive
    unclear,        ///< it may have arrived
};

/// Whether a connector has raised an alert about what it reports already.
enum class Alert : std::uint8_t { to_raise, raised };

/// What came of it. `attempt` is what is kept and shown; the rest is for the delivery policy.
struct AttemptReport {
    Attempt attempt;
    std::optional<int> status;      ///< of an answer
    std::string retry_after;        ///< the answer's header, as sent
    Errc failure = Errc::internal;  ///< when there is no answer
    Stage stage = Stage::prepare;   ///< where it failed
    std::string words;              ///< the failure for people
    Verdict verdict = Verdict::by_status;
    std::string cause;  ///< for `blocked`: why the destination is disabled, "not_in_channel"
    Alert alert = Alert::to_raise;
};

/// Large, and handed on: so by pointer. Never null.
using ReportPtr = std::unique_ptr<AttemptReport>;

/// A kind of destination. One object per loop; `attempt` may run many times at once.
class Connector {
  public:
    virtual ~Connector() = default;
    /// Makes exactly one attempt. Never throws for what the other side does.
    virtual runtime::Task<ReportPtr> attempt(AttemptRequest request) = 0;
    /// Settings or secrets of a destination changed: forget what was derived from them.
    virtual void forget(std::int64_t destination_no) = 0;
};

}  // namespace blotter::connectors
