#pragma once

#include <chrono>
#include <string>

#include "model/document_state.hpp"
#include "store/tables/common.hpp"

namespace blotter::store {

// --- accounting_document ---

struct DocumentRow {
    std::int64_t no = 0;
    DocumentId id;
    std::int64_t workspace_no = 0;
    std::int64_t entity_no = 0;
    DocumentState state = DocumentState::draft;
    std::string supplier;  ///< its reference id; empty: none
    Timestamp created_at;
    Timestamp updated_at;
    std::optional<Timestamp> validated_at;
    std::optional<Timestamp> sent_at;
    std::optional<Timestamp> started_at;  ///< of the attempt under way
    std::optional<Timestamp> due_at;      ///< of the next attempt made by itself
    std::optional<std::int64_t> process;  ///< which one is sending it
    std::int64_t version = 1;
    Bytes document;  ///< sealed
};

Result<std::int64_t> insert_document(sql::Connection& db, const DocumentRow& row);
Result<std::optional<DocumentRow>> find_document(sql::Connection& db, std::int64_t workspace_no,
                                                 const DocumentId& id);
/// Of any workspace: for callers whose right to it is decided by the document itself.
Result<std::optional<DocumentRow>> find_document_anywhere(sql::Connection& db,
                                                          const DocumentId& id);
/// Writes everything but ids, entity and creation, and the version after `row.version`.
/// `Applied::no` when the stored version is another one.
Result<Applied> update_document(sql::Connection& db, const DocumentRow& row);
/// The public id of a document that an event names by number.
Result<std::optional<DocumentId>> load_document_id(sql::Connection& db, std::int64_t no);
/// A draft that no event speaks of, with its key and the files that nobody else names.
Result<Applied> delete_document(sql::Connection& db, std::int64_t no, const DocumentId& id);
/// Takes out what is not sealed or does not go with the key: content, supplier, next attempt.
Result<> erase_document(sql::Connection& db, std::int64_t no, Timestamp at);

/// Deletes documents that were sent, or erased, and not touched since a time, once no event speaks
/// of them any more: with their attempts, their keys, and the files that nobody else names.
struct DocumentRetention {
    std::int64_t workspace_no = 0;
    Timestamp before;
    std::int64_t after = 0;  ///< the `next` of the chunk before
    std::size_t limit = 500;
};
Result<Chunk> delete_old_documents(sql::Connection& db, const DocumentRetention& retention);

struct DocumentFilter {
    std::int64_t workspace_no = 0;
    std::optional<DocumentState> state;
    std::optional<std::int64_t> entity_no;
    std::string supplier;  ///< reference id; empty: any
    std::optional<Timestamp> created_from;
    std::optional<Timestamp> created_before;
};
Result<Page<DocumentRow>> list_documents(sql::Connection& db, const DocumentFilter& filter,
                                         const PageOptions& page);

/// A document that something must be done about, of any workspace.
struct DocumentPlace {
    std::int64_t no = 0;
    std::int64_t workspace_no = 0;
    DocumentId id;
};
/// Those whose next attempt is due, earliest first.
Result<std::vector<DocumentPlace>> list_due_documents(sql::Connection& db, Timestamp until,
                                                      std::size_t limit);
/// Those that another process was sending, or this one began to send before `before`.
struct LostSends {
    std::int64_t process = 0;
    Timestamp before;
};
Result<std::vector<DocumentPlace>> list_lost_documents(sql::Connection& db, const LostSends& lost,
                                                       std::size_t limit);
/// When something is next to be done: an attempt is due, or a send that is under way counts as lost
/// once it took `send_time_max`.
Result<std::optional<Timestamp>> next_document_work(sql::Connection& db, Duration send_time_max);

// --- accounting_send: one row for each attempt ---

struct SendRow {
    std::int64_t document_no = 0;
    std::uint32_t n = 1;
    Timestamp started_at;
    std::chrono::microseconds took{0};
    std::string outcome;
    std::optional<int> status;
    Bytes detail;  ///< sealed
};
Result<> insert_send(sql::Connection& db, const SendRow& row);
/// The latest first, at most `limit`.
Result<std::vector<SendRow>> list_sends(sql::Connection& db, std::int64_t document_no,
                                        std::size_t limit);

}  // namespace blotter::store
