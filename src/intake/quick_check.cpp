#include "intake/quick_check.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace blotter::intake {
namespace {

std::int64_t characters_of(std::string_view utf8) {
    return std::ranges::count_if(utf8, [](char c) { return (c & 0xc0) != 0x80; });
}

bool says_nothing(std::string_view keyword) {
    constexpr std::array<std::string_view, 7> words{"$schema", "$id",      "$comment",   "title",
                                                    "default", "examples", "description"};
    return std::ranges::find(words, keyword) != words.end();
}

}  // namespace

std::optional<QuickCheck> QuickCheck::make(const json::Value& schema) {
    QuickCheck out;
    if (!out.read(schema)) return std::nullopt;
    return out;
}

bool QuickCheck::read(const json::Value& schema) {
    const json::Object* object = schema.as_object();
    if (object == nullptr) return false;
    return std::ranges::all_of(*object, [this](const json::Member& member) {
        return says_nothing(member.name) || read_keyword(member.name, member.value);
    });
}

bool QuickCheck::read_keyword(std::string_view keyword, const json::Value& value) {
    if (keyword == "type") return read_type(value);
    if (keyword == "required") return read_texts(value, required_);
    if (keyword == "properties") return read_properties(value);
    if (keyword == "enum") return read_texts(value, words_) && !words_.empty();
    if (keyword == "items") {
        auto made = make(value);
        if (!made) return false;
        items_.push_back(*std::move(made));
        return true;
    }
    const std::array<std::pair<std::string_view, std::int64_t*>, 6> bounds{
        {{"minLength", &length_.min},
         {"maxLength", &length_.max},
         {"minItems", &count_.min},
         {"maxItems", &count_.max},
         {"minimum", &value_.min},
         {"maximum", &value_.max}}};
    const auto* found = std::ranges::find(bounds, keyword, [](const auto& b) { return b.first; });
    const auto whole = value.as_int64();
    if (found == bounds.end() || !whole) return false;
    *found->second = *whole;
    return true;
}

bool QuickCheck::read_type(const json::Value& value) {
    constexpr std::array<std::pair<std::string_view, Type>, 7> types{{{"object", Type::object},
                                                                      {"array", Type::array},
                                                                      {"string", Type::string},
                                                                      {"integer", Type::integer},
                                                                      {"number", Type::number},
                                                                      {"boolean", Type::boolean},
                                                                      {"null", Type::null}}};
    const std::string* name = value.as_string();
    if (name == nullptr) return false;
    const auto* found = std::ranges::find(types, *name, [](const auto& t) { return t.first; });
    if (found == types.end()) return false;
    type_ = found->second;
    return true;
}

bool QuickCheck::read_properties(const json::Value& value) {
    const json::Object* object = value.as_object();
    if (object == nullptr) return false;
    for (const json::Member& member : *object) {
        auto made = make(member.value);
        if (!made) return false;
        properties_.emplace(member.name, *std::move(made));
    }
    return true;
}

bool QuickCheck::read_texts(const json::Value& value, std::vector<std::string>& out) {
    const json::Array* array = value.as_array();
    if (array == nullptr) return false;
    for (const json::Value& item : *array) {
        if (item.as_string() == nullptr) return false;
        out.push_back(*item.as_string());
    }
    return true;
}

bool QuickCheck::surely_meets(const json::Value& document) const {
    if (!meets_type(document)) return false;
    const std::string* text = document.as_string();
    if (!words_.empty() && (text == nullptr || std::ranges::find(words_, *text) == words_.end()))
        return false;
    if (text != nullptr) return !length_.set() || length_.holds(characters_of(*text));
    if (const json::Object* object = document.as_object()) return meets_members(*object);
    if (const json::Array* array = document.as_array()) return meets_items(*array);
    if (document.as_number() == nullptr || !value_.set()) return true;
    if (const auto whole = document.as_int64()) return value_.holds(*whole);
    // A fraction is compared as the full validator compares it.
    const double fraction = std::strtod(document.as_number()->text.c_str(), nullptr);
    return static_cast<double>(value_.min) <= fraction &&
           fraction <= static_cast<double>(value_.max);
}

bool QuickCheck::meets_type(const json::Value& document) const {
    switch (type_) {
        case Type::any:
            return true;
        case Type::object:
            return document.as_object() != nullptr;
        case Type::array:
            return document.as_array() != nullptr;
        case Type::string:
            return document.as_string() != nullptr;
        case Type::integer:
            return document.as_int64().has_value();
        case Type::number:
            return document.as_number() != nullptr;
        case Type::boolean:
            return document.as_bool() != nullptr;
        case Type::null:
            return document.is_null();
    }
    return false;
}

bool QuickCheck::meets_members(const json::Object& object) const {
    const bool complete = std::ranges::all_of(
        required_, [&](const std::string& name) { return object.find(name) != nullptr; });
    if (!complete) return false;
    if (properties_.empty()) return true;
    return std::ranges::all_of(object, [this](const json::Member& member) {
        const auto found = properties_.find(member.name);
        return found == properties_.end() || found->second.surely_meets(member.value);
    });
}

bool QuickCheck::meets_items(const json::Array& array) const {
    if (!count_.holds(static_cast<std::int64_t>(array.size()))) return false;
    if (items_.empty()) return true;
    return std::ranges::all_of(
        array, [this](const json::Value& item) { return items_.front().surely_meets(item); });
}

}  // namespace blotter::intake
