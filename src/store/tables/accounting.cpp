#include "store/tables/accounting.hpp"

#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::kept;
using detail::Text;

constexpr sql::Query webhook_load{
    "accounting_webhook.load",
    "SELECT workspace_no, entity_no, custom, enabled, retries, url, api_key, updated_ms "
    "FROM accounting_webhook WHERE workspace_no = ?1 AND entity_no = ?2"};
constexpr sql::Query webhook_put{
    "accounting_webhook.put",
    "INSERT INTO accounting_webhook (workspace_no, entity_no, custom, enabled, retries, url, "
    "api_key, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
    "ON CONFLICT (workspace_no, entity_no) DO UPDATE SET custom = ?3, enabled = ?4, "
    "retries = ?5, url = ?6, api_key = ?7, updated_ms = ?8"};

constexpr Text record_select{
    "SELECT no, workspace_no, entity_no, type, reference, active, updated_ms, data "
    "FROM accounting_record "};
constexpr sql::Query record_find{
    "accounting_record.find",
    kept<record_select + "WHERE entity_no = ?1 AND type = ?2 AND reference = ?3">.chars};
constexpr sql::Query record_insert{
    "accounting_record.insert",
    "INSERT INTO accounting_record (workspace_no, entity_no, type, reference, active, updated_ms, "
    "data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr sql::Query record_update{
    "accounting_record.update",
    "UPDATE accounting_record SET active = ?2, updated_ms = ?3, data = ?4 WHERE no = ?1"};
// The workspace is compared again (without an index) so that an entity of another one gives
// nothing.
constexpr Both record_list{
    {"accounting_record.newest", kept<record_select +
                                      "WHERE entity_no = ?2 AND +workspace_no = ?1 AND no < ?3 "
                                      "ORDER BY no DESC LIMIT ?4">.chars},
    {"accounting_record.oldest", kept<record_select +
                                      "WHERE entity_no = ?2 AND +workspace_no = ?1 AND no > ?3 "
                                      "ORDER BY no LIMIT ?4">.chars}};
constexpr sql::Query record_count{"accounting_record.count",
                                  "SELECT no FROM accounting_record WHERE entity_no = ?1 LIMIT ?2"};

AccountingWebhookRow read_webhook(const sql::Statement& s) {
    AccountingWebhookRow out;
    out.key = {s.integer(0), s.integer(1)};
    out.custom = s.integer(2) != 0;
    out.enabled = s.integer(3) != 0;
    out.retries = s.integer(4) != 0;
    out.url = sql::string_at(s, 5);
    if (!s.is_null(6)) out.api_key = sql::bytes_at(s, 6);
    out.updated_at = sql::time_at(s, 7);
    return out;
}

AccountingRecordRow read_record(const sql::Statement& s) {
    return {.no = s.integer(0),
            .workspace_no = s.integer(1),
            .entity_no = s.integer(2),
            .type = sql::string_at(s, 3),
            .reference = sql::string_at(s, 4),
            .active = s.integer(5) != 0,
            .updated_at = sql::time_at(s, 6),
            .data = sql::bytes_at(s, 7)};
}

std::int64_t number(bool value) {
    return value ? 1 : 0;
}

}  // namespace

Result<std::optional<AccountingWebhookRow>> load_accounting_webhook(
    sql::Connection& db, const AccountingWebhookKey& key) {
    return sql::one(db, webhook_load, read_webhook, key.workspace_no, key.entity_no);
}

Result<> put_accounting_webhook(sql::Connection& db, const AccountingWebhookRow& row) {
    // A key that is replaced must not stay readable in a free part of the file.
    CHECK(db.overwrite_deleted());
    return sql::run(db, webhook_put, row.key.workspace_no, row.key.entity_no, number(row.custom),
                    number(row.enabled), number(row.retries), row.url, row.api_key, row.updated_at);
}

Result<std::optional<AccountingRecordRow>> find_accounting_record(sql::Connection& db,
                                                                  const AccountingRecordKey& key) {
    return sql::one(db, record_find, read_record, key.entity_no, key.type, key.reference);
}

Result<std::int64_t> insert_accounting_record(sql::Connection& db, const AccountingRecordRow& row) {
    return detail::insert(db, record_insert, row.workspace_no, row.entity_no, row.type,
                          row.reference, number(row.active), row.updated_at, row.data);
}

Result<Applied> update_accounting_record(sql::Connection& db, const AccountingRecordRow& row) {
    return detail::change(db, record_update, row.no, number(row.active), row.updated_at, row.data);
}

Result<Page<AccountingRecordRow>> list_accounting_records(sql::Connection& db,
                                                          const AccountingRecordFilter& filter,
                                                          const PageOptions& page) {
    TRY(sql::Statement* const prepared, db.prepare(record_list.in(page.order)));
    sql::Use use{prepared};
    sql::bind_all(*use, filter.workspace_no, filter.entity_no, detail::start_of(page),
                  scan_rows_max);
    const auto keep = [&](const sql::Statement& s) {
        return filter.type.empty() ? s.text(3) != supplier_type : s.text(3) == filter.type;
    };
    return detail::scan(*use, detail::limit_of(page.limit), keep, read_record, scan_rows_max);
}

Result<Count> count_accounting_records(sql::Connection& db, std::int64_t entity_no,
                                       std::int64_t cap) {
    return detail::count_rows(db, record_count, cap, entity_no);
}

}  // namespace blotter::store
