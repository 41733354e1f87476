#include "api/merge_patch.hpp"

namespace blotter::api {

// The depth is that of `patch`, which the JSON parser has bounded.
json::Value merge_patch(json::Value target, const json::Value& patch) {
    const json::Object* changes = patch.as_object();
    if (changes == nullptr) return patch;
    if (target.as_object() == nullptr) target = json::Object{};
    json::Object& members = *target.as_object();
    for (const json::Member& change : *changes) {
        if (change.value.is_null()) {
            members.erase(change.name);
            continue;
        }
        json::Value* before = members.find(change.name);
        members.set(change.name, merge_patch(before == nullptr ? json::Value{} : std::move(*before),
                                             change.value));
    }
    return target;
}

}  // namespace blotter::api
