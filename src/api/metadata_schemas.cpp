#include "api/metadata_schemas.hpp"

namespace blotter::api {
namespace {
constexpr std::size_t kept_max = 1'000;
}  // namespace

Result<MetadataSchemas::CheckPtr> MetadataSchemas::find(const routing::DirectoryPtr& directory,
                                                        std::int64_t workspace_no) {
    const routing::WorkspaceFacts* workspace = directory->workspace(workspace_no);
    const json::Value* schema =
        workspace == nullptr ? nullptr : workspace->settings.find("metadata_schema");
    if (schema == nullptr || schema->is_null()) return nullptr;
    // A directory never changes: within one, the schema is compared once and then not looked at.
    if (latest_ != directory) {
        latest_ = directory;
        ++generation_;
    }
    if (kept_.size() >= kept_max && !kept_.contains(workspace_no)) kept_.clear();
    Kept& kept = kept_[workspace_no];
    if (kept.seen == generation_) return kept.check;
    if (kept.check == nullptr || kept.schema != *schema) {
        auto compiled = intake::SchemaCheck::compile(*schema);
        if (!compiled) {
            kept_.erase(workspace_no);
            return fail(Errc::corrupt, "the workspace's metadata schema cannot be read: " +
                                           compiled.error().detail);
        }
        kept.schema = *schema;
        kept.check = std::make_shared<const intake::SchemaCheck>(*std::move(compiled));
    }
    kept.seen = generation_;
    return kept.check;
}

}  // namespace blotter::api
