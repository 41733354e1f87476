#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "intake/keyring.hpp"
#include "store/tables/keys.hpp"

/// Rows whose content lies under a key of their own: what envelopes and documents share.
namespace blotter::api {

template <typename Row>
struct SealedRow {
    Row row;
    std::optional<store::SubjectKeyRow> key;

    /// When the data was erased.
    std::optional<Timestamp> erased_at() const { return key ? key->destroyed_at : std::nullopt; }
};

/// What is needed to open rows of one workspace on another thread than the one that read them.
template <typename Row>
struct SealedRows {
    std::vector<SealedRow<Row>> rows;
    std::vector<store::DataKeyRow> workspace_keys;
};

/// Adds keys to rows of one workspace. Any connection.
template <typename Row>
Result<SealedRows<Row>> with_keys(sql::Connection& db, std::int64_t workspace_no,
                                  std::vector<Row> rows) {
    SealedRows<Row> out;
    out.rows.reserve(rows.size());
    for (Row& row : rows) {
        TRY(auto key, store::find_subject_key(db, workspace_no, row.id.value));
        out.rows.push_back({std::move(row), std::move(key)});
    }
    TRY(out.workspace_keys, store::list_data_keys(db, workspace_no));
    return out;
}
template <typename Row>
Result<SealedRows<Row>> with_keys(sql::Connection& db, std::int64_t workspace_no, Row row) {
    std::vector<Row> rows;
    rows.push_back(std::move(row));
    return with_keys(db, workspace_no, std::move(rows));
}

/// Copies what the columns of a row and the value made of it have in common, in either direction.
template <typename From, typename To>
void copy_columns(const From& from, To& to) {
    to.no = from.no;
    to.id = from.id;
    to.workspace_no = from.workspace_no;
    to.entity_no = from.entity_no;
    to.state = from.state;
    to.created_at = from.created_at;
    to.updated_at = from.updated_at;
    to.version = from.version;
}

/// On the thread that owns the keys.
Bytes seal_json(intake::Keyring& keys, const security::Cell& cell, const security::DataKey& key,
                const json::Value& value);
Result<json::Value> open_json(intake::Keyring& keys, const security::Cell& cell,
                              const security::DataKey& key, ByteView sealed);

/// What remains to be shown of a row whose data was erased.
template <typename Row>
json::Value erased_view(const SealedRow<Row>& sealed) {
    json::Object out{{"id", sealed.row.id.text()},
                     {"status", to_text(sealed.row.state)},
                     {"created_at", to_rfc3339(sealed.row.created_at)},
                     {"updated_at", to_rfc3339(sealed.row.updated_at)},
                     {"erased", true}};
    if (const auto at = sealed.erased_at()) out.append("erased_at", to_rfc3339(*at));
    return out;
}

}  // namespace blotter::api
