#pragma once

#include <string>
#include <string_view>

#include "store/tables/common.hpp"

namespace blotter::store {

// --- erasure: that the data of a subject was erased, and how much. Holds none of it. ---

struct ErasureRow {
    std::string subject;  ///< its public id
    std::int64_t workspace_no = 0;
    Timestamp at;
    std::string summary;  ///< JSON: what the API answers
};

/// `conflict` when the subject was erased before.
Result<> insert_erasure(sql::Connection& db, const ErasureRow& row);
Result<std::optional<ErasureRow>> find_erasure(sql::Connection& db, std::int64_t workspace_no,
                                               std::string_view subject);

// --- file_use, for erasure: see files.hpp. ---

struct FileUse {
    FileId file;
    bool shared = false;  ///< another subject names it, too
};
/// At most `page_rows_max`: delete those, then ask again.
Result<std::vector<FileUse>> list_file_uses(sql::Connection& db, const Uuid& subject);
Result<> delete_file_use(sql::Connection& db, const Uuid& subject, const FileId& file);

// --- blob_doomed: bytes that no file names any more and that are still to be removed. ---

Result<> doom_blob(sql::Connection& db, const Digest& sha256);
Result<std::vector<Digest>> list_doomed_blobs(sql::Connection& db, std::size_t limit);
Result<> forget_doomed_blob(sql::Connection& db, const Digest& sha256);

}  // namespace blotter::store
