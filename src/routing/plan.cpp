#include "routing/plan.hpp"

#include <algorithm>

namespace blotter::routing {
namespace {

const json::Value nothing = json::Object{};

/// What the four variables are bound to. Made once per event, only when some filter needs it.
struct FilterInput {
    json::Value event;
    expression::Bindings bindings;

    explicit FilterInput(const Subject& subject)
        : event(json::Object{{"type", to_text(subject.type)},
                             {"timestamp", to_rfc3339(subject.occurred_at)}}) {
        const json::Value* envelope = subject.data->find("envelope");
        const json::Value* metadata = metadata_of(*subject.data);
        bindings.bind("event", event)
            .bind("data", *subject.data)
            .bind("envelope", envelope == nullptr ? nothing : *envelope)
            .bind("metadata", metadata == nullptr ? nothing : *metadata);
    }
    FilterInput(const FilterInput&) = delete;
    FilterInput& operator=(const FilterInput&) = delete;
};

bool in_scope(const Destination& destination, const Subject& subject) {
    if (!destination.types.contains(subject.type)) return false;
    if (!destination.entity_no) return true;
    return std::ranges::find(*subject.entity_nos, *destination.entity_no) !=
           subject.entity_nos->end();
}

/// False for what names no entity.
bool add_reference(const Directory& directory, std::int64_t workspace_no, const json::Value& value,
                   std::vector<std::int64_t>& out) {
    const std::string* reference = value.as_string();
    if (reference == nullptr) return false;
    const EntityFacts* entity = directory.entity_by_reference(workspace_no, *reference);
    if (entity == nullptr) return false;
    if (std::ranges::find(out, entity->no) == out.end()) out.push_back(entity->no);
    return true;
}

}  // namespace

const json::Value* metadata_of(const json::Value& data) {
    const json::Value* metadata = data.find("metadata");
    if (metadata == nullptr) metadata = data.at_pointer("/envelope/metadata");
    return metadata;
}

Plan plan(const Directory& directory, const Subject& subject) {
    Plan out;
    std::optional<FilterInput> input;
    const auto& targets = directory.targets(subject.workspace_no);
    // Few of many take an event.
    out.targets.reserve(std::min<std::size_t>(targets.size(), 4));
    for (const TargetPtr& target : targets) {
        if (!in_scope(target->destination, subject)) continue;
        if (target->filter) {
            if (!input) input.emplace(subject);
            expression::Match match = expression::matches(*target->filter, input->bindings);
            if (!match.problem.empty()) out.unclear.push_back({target, std::move(match.problem)});
            if (!match.matched) continue;
        }
        out.targets.push_back(target);
    }
    return out;
}

expression::Match filter_match(const Target& target, const Subject& subject) {
    if (!target.filter) return {.matched = true};
    const FilterInput input{subject};
    return expression::matches(*target.filter, input.bindings);
}

expression::Explanation explain_filter(const Target& target, const Subject& subject) {
    if (!target.filter) return {.result = fail(Errc::not_found, "the destination has no filter")};
    const FilterInput input{subject};
    return expression::explain(*target.filter, input.bindings);
}

NamedEntities entities_in_metadata(const Directory& directory, std::int64_t workspace_no,
                                   const json::Value& data) {
    NamedEntities out;
    const json::Value* metadata = metadata_of(data);
    const WorkspaceFacts* workspace = directory.workspace(workspace_no);
    if (metadata == nullptr || workspace == nullptr) return out;
    if (directory.entities(workspace_no).empty()) return out;
    static const json::Value usual = json::Array{"entity", "entities"};
    const json::Value* keys = workspace->settings.find("entity_metadata_keys");
    if (keys == nullptr || keys->as_array() == nullptr) keys = &usual;
    for (const json::Value& key : *keys->as_array()) {
        const std::string* name = key.as_string();
        const json::Value* value = name == nullptr ? nullptr : metadata->find(*name);
        if (value == nullptr || value->is_null()) continue;
        bool clear = true;
        if (const json::Array* list = value->as_array())
            for (const json::Value& item : *list)
                clear = add_reference(directory, workspace_no, item, out.nos) && clear;
        else
            clear = add_reference(directory, workspace_no, *value, out.nos);
        if (!clear) out.unclear_keys.push_back(*name);
    }
    return out;
}

}  // namespace blotter::routing
