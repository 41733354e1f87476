#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/decimal.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "expression/kinds.hpp"

namespace blotter::expression {

/// The result of an evaluation: an owned value that outlives the program and its bindings.
/// A value type; equality is that of the language for values of one kind.
class Value {
  public:
    using List = std::vector<Value>;
    /// Entries in the order in which they were made; keys are booleans, whole numbers or strings.
    using Map = std::vector<std::pair<Value, Value>>;
    /// The alternatives stand in the order of `Kind`; the last one is a value of kind `type`.
    using Data = std::variant<std::nullptr_t, bool, Decimal, std::string, List, Map, Timestamp,
                              Duration, Kind>;

    Value() : data_(nullptr) {}
    explicit Value(Data data) : data_(std::move(data)) {}

    Kind kind() const { return static_cast<Kind>(data_.index()); }
    bool is_null() const { return kind() == Kind::null; }
    const bool* as_bool() const { return std::get_if<bool>(&data_); }
    const Decimal* as_decimal() const { return std::get_if<Decimal>(&data_); }
    const std::string* as_string() const { return std::get_if<std::string>(&data_); }
    const List* as_list() const { return std::get_if<List>(&data_); }
    const Map* as_map() const { return std::get_if<Map>(&data_); }
    const Timestamp* as_timestamp() const { return std::get_if<Timestamp>(&data_); }
    const Duration* as_duration() const { return std::get_if<Duration>(&data_); }
    const Data& data() const { return data_; }

    bool operator==(const Value&) const = default;

    /// Numbers stay exact; times become RFC 3339 text, durations text such as "60.001s", types
    /// their name, and map keys text.
    json::Value to_json() const;

  private:
    Data data_;
};

/// "60.001s": seconds with the decimals that are needed, as CEL's string(duration) writes them.
std::string seconds_text(Duration duration);

}  // namespace blotter::expression
