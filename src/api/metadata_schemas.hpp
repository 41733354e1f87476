#pragma once

#include <memory>
#include <unordered_map>

#include "intake/schema_check.hpp"
#include "routing/directory.hpp"

namespace blotter::api {

/// What a new workspace begins with, until its settings are replaced: an amount `montant_ht` is a
/// number, and not negative.
const json::Value& default_metadata_schema();

/// The workspaces' metadata schemas, compiled once and kept until the settings change. One per
/// loop; what it gives out may be used by any thread.
class MetadataSchemas {
  public:
    using CheckPtr = std::shared_ptr<const intake::SchemaCheck>;

    /// Null when the workspace has no schema.
    Result<CheckPtr> find(const routing::DirectoryPtr& directory, std::int64_t workspace_no);

  private:
    struct Kept {
        json::Value schema;
        CheckPtr check;
        std::uint64_t seen = 0;  ///< the generation in which it was found unchanged
    };
    Result<CheckPtr> compile(const json::Value& schema);

    CheckPtr default_check_;  ///< most workspaces have the same schema: they share it
    routing::DirectoryPtr latest_;
    std::uint64_t generation_ = 0;
    std::unordered_map<std::int64_t, Kept> kept_;
};

}  // namespace blotter::api
