#pragma once

#include <array>
#include <string>
#include <string_view>

#include "store/tables/common.hpp"

namespace blotter::store {

// --- data_key: keys that seal columns, themselves wrapped under a key from outside. ---

using DataKeyId = std::array<std::uint8_t, 8>;

struct DataKeyRow {
    DataKeyId id{};
    std::int64_t workspace_no = 0;  ///< 0: the installation's own
    std::string kek_id;             ///< which outer key wraps it
    Bytes wrapped;
    Bytes commitment;
    Timestamp created_at;
    std::optional<Timestamp> retired_at;  ///< seals nothing new from then on
};

Result<> insert_data_key(sql::Connection& db, const DataKeyRow& row);
/// A workspace gets a new key for each purpose once a year, or after 2^28 values.
inline constexpr std::size_t data_keys_max = 1'000;
/// The newest `data_keys_max` of a workspace, newest first; the first that is not retired seals.
Result<std::vector<DataKeyRow>> list_data_keys(sql::Connection& db, std::int64_t workspace_no);
/// Those wrapped by another key than the one named: what is left to do when it is rotated.
Result<std::vector<DataKeyRow>> list_data_keys_not_under(sql::Connection& db,
                                                         std::string_view kek_id,
                                                         std::size_t limit);
struct Rewrap {
    std::string_view from_kek_id;
    std::string_view to_kek_id;
    ByteView wrapped;
};
Result<Applied> rewrap_data_key(sql::Connection& db, const DataKeyId& id, const Rewrap& rewrap);

// --- subject_key: one key per envelope or person, destroyed when a person's data is erased. ---

struct SubjectKeyRow {
    Uuid subject{};
    std::int64_t workspace_no = 0;
    Bytes wrapped;  ///< zeros once destroyed
    Timestamp created_at;
    std::optional<Timestamp> destroyed_at;
};

/// `Applied::no` when the subject has one already.
Result<Applied> insert_subject_key(sql::Connection& db, const SubjectKeyRow& row);
/// A destroyed one is found too, and says when.
Result<std::optional<SubjectKeyRow>> find_subject_key(sql::Connection& db,
                                                      std::int64_t workspace_no,
                                                      const Uuid& subject);
/// Overwrites the key with zeros, in the file too, and keeps the row as a tombstone. The log still
/// holds it until the next upkeep of the connection.
Result<Applied> destroy_subject_key(sql::Connection& db, std::int64_t workspace_no,
                                    const Uuid& subject, Timestamp at);

}  // namespace blotter::store
