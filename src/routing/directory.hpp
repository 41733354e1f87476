#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "expression/expression.hpp"
#include "model/destination.hpp"
#include "security/roles.hpp"

namespace blotter::routing {

/// A tenant as everybody needs it. `settings` holds metadata_schema, entity_metadata_keys, ….
struct WorkspaceFacts {
    std::int64_t no = 0;
    WorkspaceId id;
    std::string name;
    json::Value settings = json::Object{};
};

struct EntityFacts {
    std::int64_t no = 0;
    EntityId id;
    std::int64_t workspace_no = 0;
    std::string reference;
    std::string name;
};

/// An API key as it is checked: the hash only.
struct KeyFacts {
    std::int64_t no = 0;
    ApiKeyId id;
    std::optional<std::int64_t> workspace_no;  ///< empty: the whole installation
    std::string name;
    security::Role role = security::Role::viewer;
    security::PermissionSet scopes = security::PermissionSet::all();
    Digest hash{};
    std::optional<Timestamp> expires_at;
    bool revoked = false;
};

/// A destination ready for use: its filter is compiled, its limits are what is in force.
struct Target {
    Destination destination;
    LimitsInForce limits;
    std::optional<expression::Program> filter;
};
using TargetPtr = std::shared_ptr<const Target>;

/// The variables that a destination's filter may use: event, data, envelope, metadata.
const expression::Environment& filter_environment();

/// Compiles the filter. Errc::invalid_argument with line, column and a caret.
Result<TargetPtr> make_target(Destination destination, const DeliveryDefaults& defaults);

/// Everything configured at one moment. Immutable; a change gives a new directory that shares all
/// that stayed the same, so that ten thousand destinations cost a pointer each. Any thread.
class Directory {
  public:
    Directory();
    /// All at once, at start.
    struct Contents {
        std::vector<WorkspaceFacts> workspaces;
        std::vector<EntityFacts> entities;
        std::vector<TargetPtr> targets;
        std::vector<KeyFacts> keys;
        DeliveryDefaults defaults;
    };
    static Directory build(Contents contents);

    const WorkspaceFacts* workspace(std::int64_t no) const;
    const WorkspaceFacts* workspace(const WorkspaceId& id) const;
    std::vector<const WorkspaceFacts*> workspaces() const;
    const EntityFacts* entity(std::int64_t workspace_no, const EntityId& id) const;
    const EntityFacts* entity(std::int64_t workspace_no, std::int64_t no) const;
    const EntityFacts* entity_by_reference(std::int64_t workspace_no, std::string_view ref) const;
    const std::vector<EntityFacts>& entities(std::int64_t workspace_no) const;
    /// In order of creation.
    const std::vector<TargetPtr>& targets(std::int64_t workspace_no) const;
    TargetPtr target(std::int64_t workspace_no, const DestinationId& id) const;
    TargetPtr target(std::int64_t destination_no) const;
    const std::vector<TargetPtr>& all_targets() const { return targets_; }
    /// What counts for destinations that say nothing themselves; the same for a process's life.
    const DeliveryDefaults& defaults() const { return *defaults_; }
    const KeyFacts* key(const ApiKeyId& id) const;
    /// Of a workspace, or those of the installation itself.
    std::vector<const KeyFacts*> keys(std::optional<std::int64_t> workspace_no) const;

    Directory with(WorkspaceFacts workspace) const;
    Directory with(EntityFacts entity) const;
    Directory with(TargetPtr target) const;
    Directory without_target(std::int64_t destination_no) const;
    Directory with(KeyFacts key) const;

  private:
    struct Node {
        WorkspaceFacts facts;
        std::vector<EntityFacts> entities;
        std::vector<TargetPtr> targets;
    };
    using NodePtr = std::shared_ptr<const Node>;
    using Keys = std::unordered_map<ApiKeyId, KeyFacts>;

    const Node& node(std::int64_t workspace_no) const;
    std::shared_ptr<Node> copy_of(std::int64_t workspace_no) const;
    void put(std::shared_ptr<Node> node);

    std::vector<NodePtr> nodes_;      ///< by workspace number
    std::vector<TargetPtr> targets_;  ///< by destination number; null where there is none
    std::shared_ptr<const Keys> keys_;
    std::shared_ptr<const DeliveryDefaults> defaults_;
};

using DirectoryPtr = std::shared_ptr<const Directory>;

}  // namespace blotter::routing
