#include "routing/directory.hpp"

#include <algorithm>

#include "base/invariant.hpp"

namespace blotter::routing {

const expression::Environment& filter_environment() {
    static const expression::Environment environment{
        .variables = {{"event"}, {"data"}, {"envelope"}, {"metadata"}},
        .result = expression::Kind::boolean};
    return environment;
}

Result<TargetPtr> make_target(Destination destination, const DeliveryDefaults& defaults) {
    auto target = std::make_shared<Target>();
    if (!destination.filter.empty()) {
        auto program = expression::compile(destination.filter, filter_environment());
        if (!program) {
            program.error().pointer = "/filter";
            return pass(std::move(program).error());
        }
        target->filter = *std::move(program);
    }
    target->limits = in_force(destination.limits, defaults);
    target->destination = std::move(destination);
    return target;
}

Directory::Directory()
    : keys_(std::make_shared<Keys>()), defaults_(std::make_shared<DeliveryDefaults>()) {}

Directory Directory::build(Contents contents) {
    std::vector<std::shared_ptr<Node>> nodes;
    const auto node_of = [&](std::int64_t no) -> Node& {
        INVARIANT(no > 0);
        if (nodes.size() <= static_cast<std::size_t>(no))
            nodes.resize(static_cast<std::size_t>(no) + 1);
        auto& node = nodes[static_cast<std::size_t>(no)];
        if (!node) node = std::make_shared<Node>();
        return *node;
    };
    Directory out;
    for (WorkspaceFacts& workspace : contents.workspaces) {
        const std::int64_t no = workspace.no;
        node_of(no).facts = std::move(workspace);
    }
    for (EntityFacts& entity : contents.entities) {
        const std::int64_t no = entity.workspace_no;
        node_of(no).entities.push_back(std::move(entity));
    }
    for (TargetPtr& target : contents.targets) {
        const auto at = static_cast<std::size_t>(target->destination.no);
        if (out.targets_.size() <= at) out.targets_.resize(at + 1);
        out.targets_[at] = target;
        node_of(target->destination.workspace_no).targets.push_back(std::move(target));
    }
    out.nodes_.assign(nodes.begin(), nodes.end());
    auto keys = std::make_shared<Keys>();
    for (KeyFacts& key : contents.keys) {
        const ApiKeyId id = key.id;
        keys->insert_or_assign(id, std::move(key));
    }
    out.keys_ = std::move(keys);
    out.defaults_ = std::make_shared<DeliveryDefaults>(std::move(contents.defaults));
    return out;
}

const Directory::Node& Directory::node(std::int64_t workspace_no) const {
    static const Node none;
    if (workspace_no < 0 || workspace_no >= static_cast<std::int64_t>(nodes_.size())) return none;
    const NodePtr& found = nodes_[static_cast<std::size_t>(workspace_no)];
    return found ? *found : none;
}

const WorkspaceFacts* Directory::workspace(std::int64_t no) const {
    const Node& found = node(no);
    return found.facts.no == 0 ? nullptr : &found.facts;
}

const WorkspaceFacts* Directory::workspace(const WorkspaceId& id) const {
    for (const NodePtr& node : nodes_)
        if (node && node->facts.id == id) return &node->facts;
    return nullptr;
}

std::vector<const WorkspaceFacts*> Directory::workspaces() const {
    std::vector<const WorkspaceFacts*> out;
    for (const NodePtr& node : nodes_)
        if (node) out.push_back(&node->facts);
    return out;
}

namespace {

template <typename Projection, typename Wanted>
const EntityFacts* find_entity(const std::vector<EntityFacts>& entities, Projection projection,
                               const Wanted& wanted) {
    const auto found = std::ranges::find(entities, wanted, projection);
    return found == entities.end() ? nullptr : &*found;
}

}  // namespace

const EntityFacts* Directory::entity(std::int64_t workspace_no, const EntityId& id) const {
    return find_entity(node(workspace_no).entities, &EntityFacts::id, id);
}

const EntityFacts* Directory::entity(std::int64_t workspace_no, std::int64_t no) const {
    return find_entity(node(workspace_no).entities, &EntityFacts::no, no);
}

const EntityFacts* Directory::entity_by_reference(std::int64_t workspace_no,
                                                  std::string_view ref) const {
    return find_entity(node(workspace_no).entities, &EntityFacts::reference, ref);
}

const std::vector<EntityFacts>& Directory::entities(std::int64_t workspace_no) const {
    return node(workspace_no).entities;
}

const std::vector<TargetPtr>& Directory::targets(std::int64_t workspace_no) const {
    return node(workspace_no).targets;
}

TargetPtr Directory::target(std::int64_t workspace_no, const DestinationId& id) const {
    for (const TargetPtr& target : node(workspace_no).targets)
        if (target->destination.id == id) return target;
    return nullptr;
}

TargetPtr Directory::target(std::int64_t no) const {
    if (no < 0 || no >= static_cast<std::int64_t>(targets_.size())) return nullptr;
    return targets_[static_cast<std::size_t>(no)];
}

const KeyFacts* Directory::key(const ApiKeyId& id) const {
    const auto found = keys_->find(id);
    return found == keys_->end() ? nullptr : &found->second;
}

std::vector<const KeyFacts*> Directory::keys(std::optional<std::int64_t> workspace_no) const {
    std::vector<const KeyFacts*> out;
    for (const auto& [id, key] : *keys_)
        if (key.workspace_no == workspace_no) out.push_back(&key);
    std::ranges::sort(out, {}, &KeyFacts::no);
    return out;
}

std::shared_ptr<Directory::Node> Directory::copy_of(std::int64_t workspace_no) const {
    return std::make_shared<Node>(node(workspace_no));
}

void Directory::put(std::shared_ptr<Node> node) {
    const auto at = static_cast<std::size_t>(node->facts.no);
    if (nodes_.size() <= at) nodes_.resize(at + 1);
    nodes_[at] = std::move(node);
}

Directory Directory::with(WorkspaceFacts workspace) const {
    INVARIANT(workspace.no > 0);
    Directory out = *this;
    auto node = copy_of(workspace.no);
    node->facts = std::move(workspace);
    out.put(std::move(node));
    return out;
}

Directory Directory::with(EntityFacts entity) const {
    Directory out = *this;
    auto node = copy_of(entity.workspace_no);
    INVARIANT(node->facts.no == entity.workspace_no);
    const auto found = std::ranges::find(node->entities, entity.no, &EntityFacts::no);
    if (found == node->entities.end())
        node->entities.push_back(std::move(entity));
    else
        *found = std::move(entity);
    out.put(std::move(node));
    return out;
}

Directory Directory::with(TargetPtr target) const {
    Directory out = *this;
    auto node = copy_of(target->destination.workspace_no);
    INVARIANT(node->facts.no == target->destination.workspace_no);
    const auto no = target->destination.no;
    const auto found =
        std::ranges::find(node->targets, no, [](const TargetPtr& t) { return t->destination.no; });
    if (found == node->targets.end())
        node->targets.push_back(target);
    else
        *found = target;
    const auto at = static_cast<std::size_t>(no);
    if (out.targets_.size() <= at) out.targets_.resize(at + 1);
    out.targets_[at] = std::move(target);
    out.put(std::move(node));
    return out;
}

Directory Directory::without_target(std::int64_t destination_no) const {
    const TargetPtr gone = target(destination_no);
    if (!gone) return *this;
    Directory out = *this;
    auto node = copy_of(gone->destination.workspace_no);
    std::erase(node->targets, gone);
    out.targets_[static_cast<std::size_t>(destination_no)] = nullptr;
    out.put(std::move(node));
    return out;
}

Directory Directory::with(KeyFacts key) const {
    Directory out = *this;
    auto keys = std::make_shared<Keys>(*keys_);
    const ApiKeyId id = key.id;
    keys->insert_or_assign(id, std::move(key));
    out.keys_ = std::move(keys);
    return out;
}

}  // namespace blotter::routing
