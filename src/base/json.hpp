#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace blotter::json {

class Builder;
class Value;
struct Member;

/// A JSON number as its text, so that 12500.10 stays 12500.10: money is never a float here.
struct Number {
    std::string text;  ///< RFC 8259 number grammar, exactly as read.
    bool operator==(const Number&) const = default;
};

using Array = std::vector<Value>;

/// Members in the order in which they were read. Names are unique (the parser refuses doubles).
class Object {
  public:
    Object() noexcept;
    Object(const Object&);
    Object(Object&&) noexcept;
    Object& operator=(const Object&);
    Object& operator=(Object&&) noexcept;
    ~Object();
    Object(std::initializer_list<Member> members);

    const Value* find(std::string_view name) const;
    Value* find(std::string_view name);
    /// Adds or replaces; keeps the place of a replaced member.
    Value& set(std::string_view name, Value value);
    /// Adds at the end without looking for a double; for writers that know their names.
    void append(std::string name, Value value);
    bool erase(std::string_view name);

    bool empty() const;
    std::size_t size() const;
    const Member* begin() const;
    const Member* end() const;
    Member* begin();
    Member* end();
    bool operator==(const Object&) const;

  private:
    friend class Builder;
    std::vector<Member> members_;
};

/// A JSON document, exact: numbers keep their text. A value type.
class Value {
  public:
    using Data = std::variant<std::nullptr_t, bool, Number, std::string, Array, Object>;

    Value() : data_(nullptr) {}
    Value(std::nullptr_t) : data_(nullptr) {}
    Value(bool b) : data_(b) {}
    Value(int n) : data_(Number{std::to_string(n)}) {}
    Value(std::int64_t n) : data_(Number{std::to_string(n)}) {}
    Value(std::uint64_t n) : data_(Number{std::to_string(n)}) {}
    Value(Number n) : data_(std::move(n)) {}
    Value(const char* s) : data_(std::string{s}) {}
    Value(std::string_view s) : data_(std::string{s}) {}
    Value(std::string s) : data_(std::move(s)) {}
    Value(Array a) : data_(std::move(a)) {}
    Value(Object o) : data_(std::move(o)) {}

    bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
    const bool* as_bool() const { return std::get_if<bool>(&data_); }
    const Number* as_number() const { return std::get_if<Number>(&data_); }
    const std::string* as_string() const { return std::get_if<std::string>(&data_); }
    const Array* as_array() const { return std::get_if<Array>(&data_); }
    const Object* as_object() const { return std::get_if<Object>(&data_); }
    std::string* as_string() { return std::get_if<std::string>(&data_); }
    Array* as_array() { return std::get_if<Array>(&data_); }
    Object* as_object() { return std::get_if<Object>(&data_); }

    /// The number, if it is one written as a whole number within 64 bits.
    std::optional<std::int64_t> as_int64() const;
    /// The member of an object; null when this is no object or has no such member.
    const Value* find(std::string_view name) const;
    /// The value under an RFC 6901 pointer such as "/metadata/compte"; null when there is none.
    const Value* at_pointer(std::string_view pointer) const;
    /// "null", "boolean", "number", "string", "array" or "object", for messages.
    std::string_view kind() const;

    const Data& data() const { return data_; }
    bool operator==(const Value&) const = default;

  private:
    friend class Builder;
    Data data_;
};

/// One named value of an object.
struct Member {
    std::string name;
    Value value;
    bool operator==(const Member&) const = default;
};

inline bool Object::empty() const {
    return members_.empty();
}
inline std::size_t Object::size() const {
    return members_.size();
}
inline const Member* Object::begin() const {
    return members_.data();
}
inline const Member* Object::end() const {
    return members_.data() + members_.size();
}
inline Member* Object::begin() {
    return members_.data();
}
inline Member* Object::end() {
    return members_.data() + members_.size();
}

/// What a document may be, checked while reading.
struct ParseLimits {
    std::size_t depth_max = 32;
    std::size_t members_max = 1'000;   ///< in one object
    std::size_t values_max = 100'000;  ///< in the whole document
    std::size_t bytes_max = 1 << 20;
};

/// Reads one whole RFC 8259 document in valid UTF-8. Refuses doubles of a name, and anything past
/// a limit, with the reason and a JSON Pointer or byte offset.
Result<Value> parse(std::string_view text, const ParseLimits& limits = {});

/// Compact JSON. Escapes only what RFC 8259 asks for.
std::string to_text(const Value& value);
void append_text(std::string& out, const Value& value);
/// Appends a quoted and escaped string.
void append_quoted(std::string& out, std::string_view text);
/// Two-space indented, for people.
std::string to_pretty_text(const Value& value);

}  // namespace blotter::json
