#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace blotter::intake {

/// The common part of JSON Schema (draft 7), checked on the document as it is: what passes surely
/// meets the schema. Where it says no, or knows a keyword not, the full validator decides and finds
/// the words. Nearly every event passes, at a tenth of the full price. Immutable once made.
class QuickCheck {
  public:
    /// None when the schema says something that this does not know.
    static std::optional<QuickCheck> make(const json::Value& schema);

    bool surely_meets(const json::Value& document) const;

  private:
    enum class Type : std::uint8_t { any, object, array, string, integer, number, boolean, null };
    struct Range {
        std::int64_t min = std::numeric_limits<std::int64_t>::min();
        std::int64_t max = std::numeric_limits<std::int64_t>::max();
        bool holds(std::int64_t n) const { return min <= n && n <= max; }
        bool set() const { return *this != Range{}; }
        bool operator==(const Range&) const = default;
    };

    bool read(const json::Value& schema);
    bool read_keyword(std::string_view keyword, const json::Value& value);
    bool read_type(const json::Value& value);
    bool read_properties(const json::Value& value);
    static bool read_texts(const json::Value& value, std::vector<std::string>& out);
    bool meets_type(const json::Value& document) const;
    bool meets_members(const json::Object& object) const;
    bool meets_items(const json::Array& array) const;

    Type type_ = Type::any;
    std::vector<std::string> required_;
    std::map<std::string, QuickCheck, std::less<>> properties_;
    std::vector<QuickCheck> items_;  ///< none, or one for all
    std::vector<std::string> words_;
    Range length_;  ///< of a text, in characters
    Range count_;   ///< of an array's items
    Range value_;
};

}  // namespace blotter::intake
