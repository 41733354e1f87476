#pragma once

#include <string>
#include <string_view>

#include "store/tables/common.hpp"

namespace blotter::store {

// --- accounting_webhook: where documents of a workspace, or of one of its entities, go ---

struct AccountingWebhookKey {
    std::int64_t workspace_no = 0;
    std::int64_t entity_no = 0;  ///< 0: the workspace's
};

struct AccountingWebhookRow {
    AccountingWebhookKey key;
    bool custom = false;  ///< of an entity: its own is used
    bool enabled = false;
    bool retries = false;
    std::string url;
    std::optional<Bytes> api_key;  ///< sealed
    Timestamp updated_at;
};

Result<std::optional<AccountingWebhookRow>> load_accounting_webhook(
    sql::Connection& db, const AccountingWebhookKey& key);
/// Inserts or replaces.
Result<> put_accounting_webhook(sql::Connection& db, const AccountingWebhookRow& row);

// --- accounting_record: suppliers and dimensions of an entity ---

/// The type under which suppliers are kept; dimensions have types of their own.
inline constexpr std::string_view supplier_type = "supplier";

struct AccountingRecordRow {
    std::int64_t no = 0;
    std::int64_t workspace_no = 0;
    std::int64_t entity_no = 0;
    std::string type;
    std::string reference;
    bool active = true;
    Timestamp updated_at;
    Bytes data;  ///< sealed
};

struct AccountingRecordKey {
    std::int64_t entity_no = 0;
    std::string_view type;
    std::string_view reference;
};
Result<std::optional<AccountingRecordRow>> find_accounting_record(sql::Connection& db,
                                                                  const AccountingRecordKey& key);
Result<std::int64_t> insert_accounting_record(sql::Connection& db, const AccountingRecordRow& row);
/// Writes whether it is active, the time and the data of row `row.no`.
Result<Applied> update_accounting_record(sql::Connection& db, const AccountingRecordRow& row);

/// Of one type, or, without one, everything but suppliers.
struct AccountingRecordFilter {
    std::int64_t workspace_no = 0;
    std::int64_t entity_no = 0;
    std::string type;
};
Result<Page<AccountingRecordRow>> list_accounting_records(sql::Connection& db,
                                                          const AccountingRecordFilter& filter,
                                                          const PageOptions& page);
Result<Count> count_accounting_records(sql::Connection& db, std::int64_t entity_no,
                                       std::int64_t cap);

}  // namespace blotter::store
