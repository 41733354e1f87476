#pragma once

#include <string>
#include <string_view>

#include "store/tables/common.hpp"

namespace blotter::store {

// --- blob: content-addressed bytes on disk; file: a name for them in one workspace. ---

/// `Applied::no` when these bytes are known already.
Result<Applied> insert_blob(sql::Connection& db, const Digest& sha256, std::int64_t bytes,
                            Timestamp at);
/// The size, if these bytes are known.
Result<std::optional<std::int64_t>> load_blob(sql::Connection& db, const Digest& sha256);

struct FileRow {
    std::int64_t no = 0;
    FileId id;
    std::int64_t workspace_no = 0;
    Digest sha256{};
    std::int64_t bytes = 0;
    std::string media_type;
    Bytes name;  ///< sealed
    Timestamp created_at;
};

Result<std::int64_t> insert_file(sql::Connection& db, const FileRow& row);
Result<std::optional<FileRow>> find_file(sql::Connection& db, std::int64_t workspace_no,
                                         const FileId& id);
Result<Applied> delete_file(sql::Connection& db, std::int64_t workspace_no, const FileId& id);

// --- file_use: which envelopes (or other owners, by their id) name a file. ---

/// Nothing happens when it is known already.
Result<> use_file(sql::Connection& db, const FileId& id, const Uuid& owner);
/// The owner is no more: deletes its uses, and the files that nobody else names. Gives how many.
Result<std::int64_t> delete_files_of(sql::Connection& db, const Uuid& owner);
/// Deletes files made before a time that nobody names.
struct FileRetention {
    Timestamp before;
    std::int64_t after = 0;  ///< the `next` of the chunk before
    std::size_t limit = 500;
};
Result<Chunk> delete_unnamed_files(sql::Connection& db, const FileRetention& retention);

struct BlobRow {
    Digest sha256{};
    std::int64_t bytes = 0;
    Timestamp created_at;
};
/// Blobs made before `before` that no file names, after one, looking at `limit` blobs.
struct UnusedBlobs {
    std::vector<BlobRow> rows;
    std::optional<Digest> next;
};
Result<UnusedBlobs> list_unused_blobs(sql::Connection& db, Timestamp before,
                                      const std::optional<Digest>& after, std::size_t limit);
/// `Applied::no` when a file names it again. Delete the bytes on disk after the commit.
Result<Applied> delete_unused_blob(sql::Connection& db, const Digest& sha256);

// --- file_access: every fetch over a secure link or with a key. ---

struct FileAccessRow {
    std::int64_t no = 0;
    Timestamp at;
    FileId file_id;
    std::optional<std::int64_t> event_seq;
    std::optional<std::int64_t> destination_no;
    std::string remote;
    int status = 0;
};

Result<> insert_file_access(sql::Connection& db, const FileAccessRow& row);
Result<Page<FileAccessRow>> list_file_access_of_event(sql::Connection& db, std::int64_t event_seq,
                                                      const PageOptions& page);
Result<Page<FileAccessRow>> list_file_access_of_file(sql::Connection& db, const FileId& file_id,
                                                     const PageOptions& page);
/// The oldest `limit` rows at most.
Result<std::int64_t> purge_file_access(sql::Connection& db, Timestamp before, std::size_t limit);

// --- link_renewal: when the latest attempt that carried a link began. ---

/// Never moves back.
Result<> renew_link(sql::Connection& db, std::int64_t event_seq, std::int64_t destination_no,
                    Timestamp at);
/// The latest start that is known: renewals, and the attempts of the event's deliveries there.
Result<std::optional<Timestamp>> load_link_start(sql::Connection& db, std::int64_t event_seq,
                                                 std::int64_t destination_no);

}  // namespace blotter::store
