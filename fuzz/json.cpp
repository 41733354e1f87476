// Documents as callers send them: what is accepted prints to the same document, within its limits.
#include "base/json.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "fuzz/target.hpp"

namespace blotter::fuzz {
namespace {

struct Size {
    std::size_t values = 0;
    std::size_t depth = 0;
};

std::string escaped(std::string_view name) {
    std::string out;
    for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
}

/// Every value is found under its pointer, and every name once.
void walk(const json::Value& root, const json::Value& at, const std::string& pointer, Size& size) {
    ++size.values;
    const auto depth = static_cast<std::size_t>(std::ranges::count(pointer, '/'));
    size.depth = std::max(size.depth, depth);
    INVARIANT(root.at_pointer(pointer) == &at);
    if (const std::string* text = at.as_string()) INVARIANT(!find_invalid_utf8(*text));
    if (const json::Array* items = at.as_array())
        for (std::size_t i = 0; i < items->size(); ++i)
            walk(root, (*items)[i], pointer + "/" + std::to_string(i), size);
    if (const json::Object* members = at.as_object())
        for (const json::Member& member : *members) {
            INVARIANT(members->find(member.name) == &member.value);
            walk(root, member.value, pointer + "/" + escaped(member.name), size);
        }
}

}  // namespace

void run(std::string_view input) {
    const json::ParseLimits limits{
        .depth_max = 16, .members_max = 40, .values_max = 400, .bytes_max = 4096};
    const auto value = json::parse(input, limits);
    if (!value) {
        INVARIANT(!value.error().detail.empty() && !find_invalid_utf8(value.error().detail));
        return;
    }
    INVARIANT(input.size() <= limits.bytes_max);
    Size size;
    walk(*value, *value, "", size);
    INVARIANT(size.values <= limits.values_max && size.depth <= limits.depth_max);

    const std::string text = json::to_text(*value);
    const json::ParseLimits wide{.bytes_max = 1 << 20};
    const auto again = json::parse(text, wide);
    INVARIANT(again && *again == *value && json::to_text(*again) == text);
    const auto pretty = json::parse(json::to_pretty_text(*value), wide);
    INVARIANT(pretty && *pretty == *value);
}

}  // namespace blotter::fuzz
