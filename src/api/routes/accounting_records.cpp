#include "api/accounting_records.hpp"

#include <set>

#include <fmt/format.h>

#include "api/helpers.hpp"
#include "api/routes/accounting.hpp"
#include "base/json_reader.hpp"
#include "documents/content_json.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr std::size_t batch_max = 1'000;

enum class Kind : std::uint8_t { suppliers, dimensions };

Result<RecordItem> read_item(const json::Value& value, const std::string& pointer, Kind kind) {
    json::ObjectReader in{value, pointer};
    RecordItem out;
    out.type = store::supplier_type;
    if (kind == Kind::dimensions) {
        out.type = in.text("type", 40);
        if (!documents::is_dimension_type(out.type) || out.type == store::supplier_type)
            in.refuse("type",
                      "a type of dimension is lower-case letters, digits and _, at most 40, and "
                      "not supplier: for example cost_center, vat_code, posting_account");
    } else {
        out.tax_id = in.text_or("tax_id", 100, "");
    }
    out.reference_id = in.text("reference_id", 200);
    out.name = in.text("name", 400);
    out.active = in.boolean_or("active", true);
    CHECK(in.finish());
    CHECK(documents::check_reference_id(out.reference_id, pointer + "/reference_id"));
    return out;
}

Result<std::vector<RecordItem>> read_batch(const json::Value& body, Kind kind) {
    const std::string_view name = kind == Kind::suppliers ? "suppliers" : "dimensions";
    json::ObjectReader in{body};
    const json::Array& items = in.array(name, batch_max);
    CHECK(in.finish());
    if (items.empty())
        return fail(Errc::invalid_argument, fmt::format("'{}' has 1 to {} items", name, batch_max),
                    fmt::format("/{}", name));
    std::vector<RecordItem> out;
    std::set<std::pair<std::string, std::string>> seen;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::string pointer = fmt::format("/{}/{}", name, i);
        TRY(RecordItem item, read_item(items[i], pointer, kind));
        if (!seen.emplace(item.type, item.reference_id).second)
            return fail(Errc::invalid_argument,
                        fmt::format("'{}' is in the batch twice", item.reference_id), pointer);
        out.push_back(std::move(item));
    }
    return out;
}

runtime::Task<Result<Reply>> upsert(Services& services, Call& call, Kind kind) {
    CO_TRY(const auto* entity, path_entity(call));
    CO_TRY(std::vector<RecordItem> items, read_batch(call.body, kind));
    const RecordPlace place = record_place(*call.directory, call.workspace_no, *entity);
    co_return co_await mutate(
        services, call,
        [place, items = std::move(items)](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(const UpsertCounts counts, upsert_records(tx, side, place, items));
            return Reply{200,
                         json::Object{{"created", std::uint64_t{counts.created}},
                                      {"updated", std::uint64_t{counts.updated}},
                                      {"unchanged", std::uint64_t{counts.unchanged}}},
                         {}};
        });
}

runtime::Task<Result<Reply>> upsert_suppliers(Services& services, Call& call) {
    co_return co_await upsert(services, call, Kind::suppliers);
}
runtime::Task<Result<Reply>> upsert_dimensions(Services& services, Call& call) {
    co_return co_await upsert(services, call, Kind::dimensions);
}

json::Value view_of(const RecordItem& item, Timestamp updated_at) {
    json::Object out;
    if (item.type != store::supplier_type) out.append("type", item.type);
    out.append("reference_id", item.reference_id);
    out.append("name", item.name);
    if (!item.tax_id.empty()) out.append("tax_id", item.tax_id);
    out.append("active", item.active);
    out.append("updated_at", to_rfc3339(updated_at));
    return out;
}

runtime::Task<Result<Reply>> list(Services& services, Call& call, std::string type,
                                  std::string_view operation) {
    CO_TRY(const auto* entity, path_entity(call));
    CO_TRY(const PageQuery query, read_page(services, call, operation));
    const RecordPlace place = record_place(*call.directory, call.workspace_no, *entity);
    struct Read {
        store::Page<store::AccountingRecordRow> page;
        std::vector<store::DataKeyRow> keys;
    };
    CO_TRY(const Read read,
           co_await store::read(
               services.loop, services.reader,
               [place, type, page = query.page](sql::Connection& db) -> Result<Read> {
                   Read out;
                   TRY(out.page, store::list_accounting_records(
                                     db, {place.workspace_no, place.entity_no, type}, page));
                   TRY(out.keys, store::list_data_keys(db, place.workspace_no));
                   return out;
               }));
    json::Array data;
    for (const auto& row : read.page.rows) {
        CO_TRY(const RecordItem item, open_record(services.keys, place, row, read.keys));
        data.push_back(view_of(item, row.updated_at));
    }
    co_return Reply{200, make_list(services, call, operation, std::move(data), read.page.next), {}};
}

runtime::Task<Result<Reply>> list_suppliers(Services& services, Call& call) {
    co_return co_await list(services, call, std::string{store::supplier_type}, "listSuppliers");
}
runtime::Task<Result<Reply>> list_dimensions(Services& services, Call& call) {
    const std::string* type = call.query.find("type");
    if (type != nullptr && (*type == store::supplier_type || !documents::is_dimension_type(*type)))
        co_return fail(Errc::invalid_argument, "this is not a type of dimension", "/query/type");
    co_return co_await list(services, call, type == nullptr ? "" : *type, "listDimensions");
}

}  // namespace

std::vector<Component> accounting_record_components() {
    return {
        {"Supplier",
         R"({"type":"object","required":["reference_id","name"],"properties":{)"
         R"("reference_id":{"type":"string","description":"As the accounting system knows it."},)"
         R"("name":{"type":"string"},"tax_id":{"type":"string"},"active":{"type":"boolean"},)"
         R"("updated_at":{"type":"string","format":"date-time"}}})"},
        {"SupplierBatch", R"({"type":"object","required":["suppliers"],"properties":{)"
                          R"("suppliers":{"type":"array","maxItems":1000,"items":)"
                          R"({"$ref":"#/components/schemas/Supplier"}}}})"},
        {"SupplierList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                         R"({"$ref":"#/components/schemas/Supplier"}},)"
                         R"("next_cursor":{"type":["string","null"]}}})"},
        {"Dimension",
         R"({"type":"object","required":["type","reference_id","name"],"properties":{)"
         R"("type":{"type":"string","description":"cost_center, vat_code, posting_account, …"},)"
         R"("reference_id":{"type":"string"},"name":{"type":"string"},)"
         R"("active":{"type":"boolean"},"updated_at":{"type":"string","format":"date-time"}}})"},
        {"DimensionBatch", R"({"type":"object","required":["dimensions"],"properties":{)"
                           R"("dimensions":{"type":"array","maxItems":1000,"items":)"
                           R"({"$ref":"#/components/schemas/Dimension"}}}})"},
        {"DimensionList", R"({"type":"object","properties":{"data":{"type":"array","items":)"
                          R"({"$ref":"#/components/schemas/Dimension"}},)"
                          R"("next_cursor":{"type":["string","null"]}}})"},
        {"UpsertCounts", R"({"type":"object","properties":{"created":{"type":"integer"},)"
                         R"("updated":{"type":"integer"},"unchanged":{"type":"integer"}}})"},
    };
}

std::vector<Route> accounting_record_routes() {
    using http::Method;
    return {
        {.method = Method::post,
         .path = "/v1/entities/{entity_id}/suppliers/batch",
         .operation = "upsertSuppliers",
         .tag = "accounting",
         .summary = "Add suppliers of an entity, or change them, by reference id: all or none",
         .permission = Permission::documents_write,
         .takes = Takes::json,
         .request = "#SupplierBatch",
         .response = "#UpsertCounts",
         .handler = upsert_suppliers},
        {.method = Method::get,
         .path = "/v1/entities/{entity_id}/suppliers",
         .operation = "listSuppliers",
         .tag = "accounting",
         .summary = "List the suppliers of an entity",
         .permission = Permission::documents_read,
         .response = "#SupplierList",
         .parameters = page_parameters(),
         .handler = list_suppliers},
        {.method = Method::post,
         .path = "/v1/entities/{entity_id}/dimensions/batch",
         .operation = "upsertDimensions",
         .tag = "accounting",
         .summary = "Add dimensions of an entity, or change them, by type and reference id: all "
                    "or none",
         .permission = Permission::documents_write,
         .takes = Takes::json,
         .request = "#DimensionBatch",
         .response = "#UpsertCounts",
         .handler = upsert_dimensions},
        {.method = Method::get,
         .path = "/v1/entities/{entity_id}/dimensions",
         .operation = "listDimensions",
         .tag = "accounting",
         .summary = "List the dimensions of an entity",
         .permission = Permission::documents_read,
         .response = "#DimensionList",
         .parameters = page_parameters({{"type", "only dimensions of this type"}}),
         .handler = list_dimensions},
    };
}

}  // namespace blotter::api
