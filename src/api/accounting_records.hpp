#pragma once

#include <string>
#include <vector>

#include "api/services.hpp"
#include "documents/document.hpp"
#include "store/tables/accounting.hpp"

/// Suppliers and dimensions of entities: what documents refer to.
namespace blotter::api {

/// One item of a batch.
struct RecordItem {
    std::string type;  ///< store::supplier_type, or the type of a dimension
    std::string reference_id;
    std::string name;
    std::string tax_id;  ///< of suppliers
    bool active = true;
};

/// Where records are kept.
struct RecordPlace {
    WorkspaceId workspace;
    std::int64_t workspace_no = 0;
    EntityId entity;
    std::int64_t entity_no = 0;
};
RecordPlace record_place(const routing::Directory& directory, std::int64_t workspace_no,
                         const routing::EntityFacts& entity);

struct UpsertCounts {
    std::size_t created = 0;
    std::size_t updated = 0;
    std::size_t unchanged = 0;
};
/// All of them or none. Writer's thread.
Result<UpsertCounts> upsert_records(store::Tx& tx, WriterSide& side, const RecordPlace& place,
                                    const std::vector<RecordItem>& items);

/// Opens a row's name and so on; on the thread that owns `keys`, which holds the workspace's.
Result<RecordItem> open_record(intake::Keyring& keys, const RecordPlace& place,
                               const store::AccountingRecordRow& row,
                               const std::vector<store::DataKeyRow>& workspace_keys);

/// Finds the supplier and all dimensions that a document names and copies their names into it.
/// Errc::invalid_argument with a pointer for one that the entity does not have, or that is not
/// active. Writer's thread.
Result<> settle_references(store::Tx& tx, WriterSide& side, const RecordPlace& place,
                           documents::Content& content);

}  // namespace blotter::api
