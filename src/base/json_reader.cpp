#include "base/json_reader.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace blotter::json {

namespace {
const Value no_value;
const Array no_items;
}  // namespace

ObjectReader::ObjectReader(const Value& value, std::string pointer)
    : value_(&value), pointer_(std::move(pointer)) {
    if (value.as_object() == nullptr)
        wrong_ = Error{Errc::invalid_argument,
                       fmt::format("an object is expected here, not {}", value.kind()),
                       pointer_,
                       {}};
}

std::string ObjectReader::pointer_to(std::string_view name) const {
    return pointer_ + "/" + std::string{name};
}

void ObjectReader::refuse(std::string_view name, std::string reason) {
    if (!wrong_) wrong_ = Error{Errc::invalid_argument, std::move(reason), pointer_to(name), {}};
}

const Value* ObjectReader::take(std::string_view name) {
    // As many members as most objects are asked for.
    if (asked_.empty()) asked_.reserve(8);
    asked_.emplace_back(name);
    const Value* found = value_->find(name);
    return found == nullptr || found->is_null() ? nullptr : found;
}

bool ObjectReader::has(std::string_view name) {
    return take(name) != nullptr;
}

std::string ObjectReader::text(std::string_view name, std::size_t bytes_max) {
    if (!has(name)) {
        refuse(name, fmt::format("'{}' is required", name));
        return {};
    }
    std::string value = text_or(name, bytes_max, "");
    if (value.empty()) refuse(name, fmt::format("'{}' must not be empty", name));
    return value;
}

std::string ObjectReader::text_or(std::string_view name, std::size_t bytes_max,
                                  std::string_view otherwise) {
    const Value* found = take(name);
    if (found == nullptr) return std::string{otherwise};
    const std::string* value = found->as_string();
    if (value == nullptr) {
        refuse(name, fmt::format("'{}' must be a string, not {}", name, found->kind()));
        return std::string{otherwise};
    }
    if (value->size() > bytes_max) {
        refuse(name, fmt::format("'{}' has {} bytes, at most {} are accepted", name, value->size(),
                                 bytes_max));
        return std::string{otherwise};
    }
    // Control characters have no place in names, addresses or reasons, and break logs and headers.
    const bool control = std::ranges::any_of(*value, [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return (u < 0x20 && c != '\n' && c != '\t' && c != '\r') || u == 0x7f;
    });
    if (control) refuse(name, fmt::format("'{}' holds a control character", name));
    return *value;
}

std::int64_t ObjectReader::integer_or(std::string_view name, std::int64_t min, std::int64_t max,
                                      std::int64_t otherwise) {
    const Value* found = take(name);
    if (found == nullptr) return otherwise;
    const auto value = found->as_int64();
    if (!value || *value < min || *value > max) {
        refuse(name, fmt::format("'{}' must be a whole number from {} to {}", name, min, max));
        return otherwise;
    }
    return *value;
}

bool ObjectReader::boolean_or(std::string_view name, bool otherwise) {
    const Value* found = take(name);
    if (found == nullptr) return otherwise;
    if (const bool* value = found->as_bool()) return *value;
    refuse(name, fmt::format("'{}' must be true or false", name));
    return otherwise;
}

std::optional<Timestamp> ObjectReader::time(std::string_view name) {
    if (!has(name)) return std::nullopt;
    auto value = parse_rfc3339(text_or(name, 64, ""));
    if (value) return *value;
    refuse(name, fmt::format("'{}' is {}", name, value.error().detail));
    return std::nullopt;
}

std::optional<Duration> ObjectReader::duration(std::string_view name) {
    if (!has(name)) return std::nullopt;
    auto value = parse_duration(text_or(name, 64, ""));
    if (value) return *value;
    refuse(name, value.error().detail);
    return std::nullopt;
}

const Array& ObjectReader::array(std::string_view name, std::size_t items_max) {
    const Value* found = take(name);
    if (found == nullptr) return no_items;
    const Array* items = found->as_array();
    if (items == nullptr) {
        refuse(name, fmt::format("'{}' must be an array, not {}", name, found->kind()));
        return no_items;
    }
    if (items->size() > items_max) {
        refuse(name, fmt::format("'{}' has {} items, at most {} are accepted", name, items->size(),
                                 items_max));
        return no_items;
    }
    return *items;
}

std::vector<std::string> ObjectReader::texts(std::string_view name, std::size_t items_max,
                                             std::size_t bytes_max) {
    std::vector<std::string> out;
    for (const Value& item : array(name, items_max)) {
        const std::string* value = item.as_string();
        if (value == nullptr || value->size() > bytes_max) {
            refuse(name,
                   fmt::format("'{}' must hold strings of at most {} bytes", name, bytes_max));
            return {};
        }
        out.push_back(*value);
    }
    return out;
}

const Value& ObjectReader::object(std::string_view name) {
    const Value* found = take(name);
    if (found == nullptr) return no_value;
    if (found->as_object() == nullptr) {
        refuse(name, fmt::format("'{}' must be an object, not {}", name, found->kind()));
        return no_value;
    }
    return *found;
}

Result<> ObjectReader::finish() {
    if (const Object* object = value_->as_object(); object != nullptr && !wrong_) {
        for (const Member& member : *object) {
            if (std::ranges::find(asked_, member.name) != asked_.end()) continue;
            refuse(member.name, fmt::format("'{}' is not known here", member.name));
            break;
        }
    }
    if (wrong_) return pass(*wrong_);
    return {};
}

}  // namespace blotter::json
