#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/tables/common.hpp"

namespace blotter::store {

// --- alert: something a person must look at. ---

/// Stored; never renumber. Open until `resolved`.
enum class AlertState : std::uint8_t { open = 1, acknowledged = 2, resolved = 3 };

struct AlertRow {
    std::int64_t no = 0;
    AlertId id;
    std::int64_t workspace_no = 0;  ///< 0: the installation's own
    std::string kind;
    std::string subject;  ///< what it is about, for example a destination's id
    AlertState state = AlertState::open;
    std::int64_t count = 1;  ///< how often it was raised
    Timestamp first_at;
    Timestamp last_at;
    std::string detail = "{}";  ///< JSON of the latest time
    std::string acknowledged_by;
    std::optional<Timestamp> acknowledged_at;
    std::string resolved_by;
    std::optional<Timestamp> resolved_at;
};

struct NewAlert {
    AlertId id;
    std::int64_t workspace_no = 0;
    std::string_view kind;
    std::string_view subject;
    std::string_view detail;
    Timestamp at;
};
struct RaisedAlert {
    std::int64_t no = 0;
    std::int64_t count = 1;  ///< 1: new; more: folded into one that is not resolved
};
Result<RaisedAlert> raise_alert(sql::Connection& db, const NewAlert& alert);
Result<std::optional<AlertRow>> find_alert(sql::Connection& db, std::int64_t workspace_no,
                                           const AlertId& id);
struct AlertFilter {
    std::int64_t workspace_no = 0;
    std::optional<AlertState> state;
};
Result<Page<AlertRow>> list_alerts(sql::Connection& db, const AlertFilter& filter,
                                   const PageOptions& page);
struct AlertDecision {
    std::int64_t workspace_no = 0;
    AlertId id;
    std::string_view by;
    Timestamp at;
};
/// From open only.
Result<Applied> acknowledge_alert(sql::Connection& db, const AlertDecision& decision);
/// From open or acknowledged.
Result<Applied> resolve_alert(sql::Connection& db, const AlertDecision& decision);
/// By the program itself, when the cause is gone.
struct AlertCause {
    std::int64_t workspace_no = 0;
    std::string_view kind;
    std::string_view subject;
};
Result<Applied> resolve_alert_of(sql::Connection& db, const AlertCause& cause, std::string_view by,
                                 Timestamp at);
/// Alerts whose detail names a public id: what they say beside it may hold a person's data.
struct AlertMention {
    std::int64_t workspace_no = 0;
    std::string_view kind;
    std::string_view id;
};
Result<> erase_alerts(sql::Connection& db, const AlertMention& mention);
/// Resolved ones.
Result<std::int64_t> purge_alerts(sql::Connection& db, Timestamp resolved_before,
                                  std::size_t limit);

// --- quarantine: events set aside. ---

enum class QuarantineState : std::uint8_t { waiting = 1, released = 2, rejected = 3 };

struct QuarantineRow {
    std::int64_t no = 0;
    QuarantineId id;
    std::int64_t workspace_no = 0;
    Timestamp received_at;
    std::string reason;
    Bytes payload;  ///< sealed
    QuarantineState state = QuarantineState::waiting;
    std::string decided_by;
    std::optional<Timestamp> decided_at;
};

Result<std::int64_t> insert_quarantine(sql::Connection& db, const QuarantineRow& row);
Result<std::optional<QuarantineRow>> find_quarantine(sql::Connection& db, std::int64_t workspace_no,
                                                     const QuarantineId& id);
Result<Page<QuarantineRow>> list_quarantine(sql::Connection& db, std::int64_t workspace_no,
                                            std::optional<QuarantineState> state,
                                            const PageOptions& page);
struct QuarantineDecision {
    std::int64_t workspace_no = 0;
    QuarantineId id;
    QuarantineState state = QuarantineState::released;
    std::string_view by;
    Timestamp at;
};
/// From waiting only.
Result<Applied> decide_quarantine(sql::Connection& db, const QuarantineDecision& decision);
/// Whose data it holds, so that it goes with the subject.
Result<> set_quarantine_subject(sql::Connection& db, std::int64_t no, const Uuid& subject);
/// Those that hold the data of a subject.
Result<std::vector<QuarantineId>> list_quarantined_of(sql::Connection& db, const Uuid& subject);
/// Empties payloads and reasons of a subject.
Result<> erase_quarantined(sql::Connection& db, const Uuid& subject);

/// Deletes those that were decided before a time.
struct QuarantineRetention {
    Timestamp decided_before;
    std::int64_t after = 0;  ///< the `next` of the chunk before
    std::size_t limit = 500;
};
Result<Chunk> delete_old_quarantine(sql::Connection& db, const QuarantineRetention& retention);

/// How many alerts wait for a person, over all workspaces.
Result<Count> count_unresolved_alerts(sql::Connection& db, std::int64_t cap);

}  // namespace blotter::store
