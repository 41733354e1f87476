#include "expression/value.hpp"

#include <fmt/format.h>

namespace blotter::expression {
namespace {

std::string key_text(const Value& key) {
    if (const bool* b = key.as_bool()) return *b ? "true" : "false";
    if (const Decimal* number = key.as_decimal()) return number->trimmed().to_text();
    return key.as_string() != nullptr ? *key.as_string() : std::string{};
}

}  // namespace

std::string seconds_text(Duration duration) {
    const std::int64_t ms = duration.count();
    return Decimal::of_parts(ms, 3).value_or(Decimal{}).trimmed().to_text() + "s";
}

json::Value Value::to_json() const {
    switch (kind()) {
        case Kind::null:
            return nullptr;
        case Kind::boolean:
            return *as_bool();
        case Kind::decimal:
            return as_decimal()->to_number();
        case Kind::string:
            return *as_string();
        case Kind::list: {
            json::Array out;
            for (const Value& item : *as_list()) out.push_back(item.to_json());
            return out;
        }
        case Kind::map: {
            json::Object out;
            for (const auto& [key, value] : *as_map()) out.set(key_text(key), value.to_json());
            return out;
        }
        case Kind::timestamp:
            return to_rfc3339(*as_timestamp());
        case Kind::duration:
            return seconds_text(*as_duration());
        case Kind::type:
            return name_of(std::get<Kind>(data_));
    }
    std::unreachable();
}

}  // namespace blotter::expression
