#include "api/metadata_schemas.hpp"

namespace blotter::api {
namespace {
constexpr std::size_t kept_max = 1'000;
}  // namespace

const json::Value& default_metadata_schema() {
    static const json::Value schema = json::Object{
        {"type", "object"},
        {"properties",
         json::Object{{"montant_ht", json::Object{{"type", "number"}, {"minimum", 0}}}}}};
    return schema;
}

Result<MetadataSchemas::CheckPtr> MetadataSchemas::compile(const json::Value& schema) {
    const bool is_default = schema == default_metadata_schema();
    if (is_default && default_check_ != nullptr) return default_check_;
    TRY(auto compiled, intake::SchemaCheck::compile(schema));
    auto check = std::make_shared<const intake::SchemaCheck>(std::move(compiled));
    if (is_default) default_check_ = check;
    return check;
}

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
        auto compiled = compile(*schema);
        if (!compiled) {
            kept_.erase(workspace_no);
            return fail(Errc::corrupt, "the workspace's metadata schema cannot be read: " +
                                           compiled.error().detail);
        }
        kept.schema = *schema;
        kept.check = *std::move(compiled);
    }
    kept.seen = generation_;
    return kept.check;
}

}  // namespace blotter::api
