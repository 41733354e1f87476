#include "api/accounting_records.hpp"

#include <fmt/format.h>

#include "api/stored_files.hpp"
#include "base/json_reader.hpp"

namespace blotter::api {
namespace {

constexpr std::int64_t records_max = 100'000;  // of one entity

/// entity (16) ‖ type ‖ 0 ‖ reference.
Bytes cell_row(const RecordPlace& place, std::string_view type, std::string_view reference) {
    Bytes out(place.entity.value.begin(), place.entity.value.end());
    out.insert(out.end(), type.begin(), type.end());
    out.push_back(0);
    out.insert(out.end(), reference.begin(), reference.end());
    return out;
}

security::Cell cell_of(const RecordPlace& place, ByteView row) {
    return {place.workspace, "accounting_record", "data", row};
}

std::string data_of(const RecordItem& item) {
    return json::to_text(json::Object{{"name", item.name}, {"tax_id", item.tax_id}});
}

Result<RecordItem> item_of(const store::AccountingRecordRow& row, std::string_view data) {
    TRY(const json::Value parsed, json::parse(data));
    json::ObjectReader in{parsed};
    RecordItem out;
    out.type = row.type;
    out.reference_id = row.reference;
    out.active = row.active;
    out.name = in.text_or("name", 400, "");
    out.tax_id = in.text_or("tax_id", 100, "");
    CHECK(in.finish());
    return out;
}

Result<RecordItem> open_on_writer(WriterSide& side, const RecordPlace& place,
                                  const store::AccountingRecordRow& row) {
    const Bytes cell = cell_row(place, row.type, row.reference);
    TRY(const security::Secret data, side.keys().vault().open(cell_of(place, cell), row.data));
    return item_of(row, data.expose_text());
}

bool is_same(const RecordItem& a, const RecordItem& b) {
    return a.name == b.name && a.tax_id == b.tax_id && a.active == b.active;
}

Result<> upsert(store::Tx& tx, WriterSide& side, const RecordPlace& place, const RecordItem& item,
                UpsertCounts& counts) {
    TRY(auto row,
        store::find_accounting_record(tx.db(), {place.entity_no, item.type, item.reference_id}));
    if (row) {
        TRY(const RecordItem known, open_on_writer(side, place, *row));
        if (is_same(known, item)) {
            ++counts.unchanged;
            return {};
        }
    }
    store::AccountingRecordRow next;
    if (row) next.no = row->no;
    next.workspace_no = place.workspace_no;
    next.entity_no = place.entity_no;
    next.type = item.type;
    next.reference = item.reference_id;
    next.active = item.active;
    next.updated_at = side.clock().wall();
    const Bytes cell = cell_row(place, item.type, item.reference_id);
    TRY(next.data, side.keys().vault().seal(cell_of(place, cell), as_bytes(data_of(item))));
    if (row) {
        CHECK(store::update_accounting_record(tx.db(), next));
        ++counts.updated;
    } else {
        CHECK(store::insert_accounting_record(tx.db(), next));
        ++counts.created;
    }
    return {};
}

/// What a document refers to, found and in use.
struct Wanted {
    std::string_view type;
    std::string_view reference_id;
    std::string pointer;
    std::string_view words;  ///< "supplier" or "dimension"
};
Result<RecordItem> find_wanted(store::Tx& tx, WriterSide& side, const RecordPlace& place,
                               const Wanted& wanted) {
    TRY(const auto row, store::find_accounting_record(
                            tx.db(), {place.entity_no, wanted.type, wanted.reference_id}));
    const std::string what = wanted.words == "supplier"
                                 ? std::string{"supplier"}
                                 : fmt::format("dimension of the type {}", wanted.type);
    if (!row)
        return fail(Errc::invalid_argument,
                    fmt::format("the entity has no {} with the reference id '{}'; add it with "
                                "POST /v1/entities/{}/{}s/batch first",
                                what, wanted.reference_id, place.entity.text(), wanted.words),
                    wanted.pointer);
    if (!row->active)
        return fail(Errc::invalid_argument,
                    fmt::format("the {} with the reference id '{}' is no longer active", what,
                                wanted.reference_id),
                    wanted.pointer);
    return open_on_writer(side, place, *row);
}

Result<> settle_dimensions(store::Tx& tx, WriterSide& side, const RecordPlace& place,
                           std::vector<documents::Dimension>& dimensions,
                           const std::string& pointer) {
    for (documents::Dimension& dimension : dimensions) {
        TRY(RecordItem found,
            find_wanted(tx, side, place,
                        {dimension.type, dimension.reference_id,
                         fmt::format("{}/{}", pointer, dimension.type), "dimension"}));
        dimension.name = std::move(found.name);
    }
    return {};
}

}  // namespace

RecordPlace record_place(const routing::Directory& directory, std::int64_t workspace_no,
                         const routing::EntityFacts& entity) {
    RecordPlace out;
    if (const auto* workspace = directory.workspace(workspace_no)) out.workspace = workspace->id;
    out.workspace_no = workspace_no;
    out.entity = entity.id;
    out.entity_no = entity.no;
    return out;
}

Result<UpsertCounts> upsert_records(store::Tx& tx, WriterSide& side, const RecordPlace& place,
                                    const std::vector<RecordItem>& items) {
    CHECK(side.keys().ensure(tx, place.workspace, place.workspace_no, side.clock().wall()));
    UpsertCounts counts;
    for (const RecordItem& item : items) CHECK(upsert(tx, side, place, item, counts));
    if (counts.created == 0) return counts;
    TRY(const store::Count all,
        store::count_accounting_records(tx.db(), place.entity_no, records_max));
    if (!all.complete)
        return fail(Errc::conflict,
                    fmt::format("an entity has at most {} suppliers and dimensions", records_max));
    return counts;
}

Result<RecordItem> open_record(intake::Keyring& keys, const RecordPlace& place,
                               const store::AccountingRecordRow& row,
                               const std::vector<store::DataKeyRow>& workspace_keys) {
    const Bytes cell = cell_row(place, row.type, row.reference);
    TRY(const security::Secret data,
        open_sealed(keys, cell_of(place, cell), row.data, workspace_keys));
    return item_of(row, data.expose_text());
}

Result<> settle_references(store::Tx& tx, WriterSide& side, const RecordPlace& place,
                           documents::Content& content) {
    CHECK(side.keys().ensure(tx, place.workspace, place.workspace_no, side.clock().wall()));
    if (content.supplier) {
        TRY(RecordItem found, find_wanted(tx, side, place,
                                          {store::supplier_type, content.supplier->reference_id,
                                           "/supplier", "supplier"}));
        content.supplier->name = std::move(found.name);
        content.supplier->tax_id = std::move(found.tax_id);
    }
    CHECK(settle_dimensions(tx, side, place, content.dimensions, "/dimensions"));
    for (std::size_t i = 0; i < content.lines.size(); ++i)
        CHECK(settle_dimensions(tx, side, place, content.lines[i].dimensions,
                                fmt::format("/lines/{}/dimensions", i)));
    return {};
}

}  // namespace blotter::api
