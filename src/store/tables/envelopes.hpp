#pragma once

#include "model/envelope.hpp"
#include "store/tables/common.hpp"

namespace blotter::store {

/// What lists and timers need of an envelope in columns; everything else is in the sealed document.
struct EnvelopeRow {
    std::int64_t no = 0;
    EnvelopeId id;
    std::int64_t workspace_no = 0;
    std::optional<std::int64_t> entity_no;
    EnvelopeState state = EnvelopeState::draft;
    Timestamp created_at;
    Timestamp updated_at;
    std::optional<Timestamp> expires_at;
    std::optional<Timestamp> completed_at;
    std::int64_t version = 1;
    Bytes document;  ///< sealed JSON
};

Result<std::int64_t> insert_envelope(sql::Connection& db, const EnvelopeRow& row);
Result<std::optional<EnvelopeRow>> find_envelope(sql::Connection& db, std::int64_t workspace_no,
                                                 const EnvelopeId& id);
Result<std::optional<EnvelopeRow>> load_envelope(sql::Connection& db, std::int64_t no);
/// Only the number: for references from events.
Result<std::optional<std::int64_t>> find_envelope_no(sql::Connection& db, std::int64_t workspace_no,
                                                     const EnvelopeId& id);
/// Writes entity, state, times and document, and the version after `row.version`. `Applied::no`
/// when the stored version is another one.
Result<Applied> update_envelope(sql::Connection& db, const EnvelopeRow& row);

struct EnvelopeFilter {
    std::int64_t workspace_no = 0;
    std::optional<EnvelopeState> state;
    std::optional<std::int64_t> entity_no;
};
Result<Page<EnvelopeRow>> list_envelopes(sql::Connection& db, const EnvelopeFilter& filter,
                                         const PageOptions& page);

/// Completed ones in the order in which they were completed, from a time on, oldest first: what a
/// daily reconciliation walks. `after` is the position of the last row seen.
struct CompletedFilter {
    std::int64_t workspace_no = 0;
    std::optional<Timestamp> since;
    std::optional<std::int64_t> entity_no;
    std::optional<TimePosition> after;
};
struct CompletedPage {
    std::vector<EnvelopeRow> rows;
    std::optional<TimePosition> next;
};
Result<CompletedPage> list_completed_envelopes(sql::Connection& db, const CompletedFilter& filter,
                                               std::size_t limit);

/// Envelopes in no terminal state whose expiry has come, of all workspaces, earliest first. Goes
/// on after a position, so that one that cannot expire does not stop the others.
struct ExpiringEnvelope {
    std::int64_t no = 0;
    std::int64_t workspace_no = 0;
    EnvelopeId id;
    Timestamp expires_at;
};
Result<std::vector<ExpiringEnvelope>> list_expiring_envelopes(sql::Connection& db, Timestamp until,
                                                              const TimePosition& after,
                                                              std::size_t limit);
/// The earliest expiry after that position, ahead or missed, for the timer.
Result<std::optional<Timestamp>> next_envelope_expiry(sql::Connection& db,
                                                      const TimePosition& after);

/// Deletes envelopes that reached a terminal state and were not changed since `before`, once their
/// events are gone, with their subject keys and the files that nobody else names.
struct EnvelopeRetention {
    std::int64_t workspace_no = 0;
    Timestamp before;
    std::int64_t after = 0;  ///< the `next` of the chunk before
    std::size_t limit = 500;
};
Result<Chunk> delete_old_envelopes(sql::Connection& db, const EnvelopeRetention& retention);

}  // namespace blotter::store
