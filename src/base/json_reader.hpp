#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/choice.hpp"
#include "base/json.hpp"
#include "base/time.hpp"

namespace blotter::json {

/// Reads the members of one object, each with its type and bounds. Keeps the first thing that is
/// wrong, with its JSON Pointer; after that, reads give defaults. `finish` reports it and refuses
/// members that nobody asked for, so that a typing mistake never passes in silence.
class ObjectReader {
  public:
    /// `pointer` is where `value` stands in the whole document.
    ObjectReader(const Value& value, std::string pointer = {});

    bool has(std::string_view name);
    /// The member, null when absent or JSON null. Counts as asked for.
    const Value* take(std::string_view name);

    std::string text(std::string_view name, std::size_t bytes_max);
    std::string text_or(std::string_view name, std::size_t bytes_max, std::string_view otherwise);
    std::int64_t integer_or(std::string_view name, std::int64_t min, std::int64_t max,
                            std::int64_t otherwise);
    bool boolean_or(std::string_view name, bool otherwise);
    std::optional<Timestamp> time(std::string_view name);
    std::optional<Duration> duration(std::string_view name);
    /// Items of an array member; empty when absent.
    const Array& array(std::string_view name, std::size_t items_max);
    /// Strings of an array member.
    std::vector<std::string> texts(std::string_view name, std::size_t items_max,
                                   std::size_t bytes_max);
    /// An object member as it is; null value when absent.
    const Value& object(std::string_view name);

    /// Text that `parse` (giving an optional) must accept.
    template <typename Parse>
    auto choice_or(std::string_view name, Parse parse,
                   typename std::invoke_result_t<Parse, std::string_view>::value_type otherwise) {
        const std::string given = text_or(name, 64, "");
        if (given.empty()) return otherwise;
        if (const auto value = parse(given)) return *value;
        refuse(name, "'" + given + "' is not one of: " + accepted_values(parse));
        return otherwise;
    }

    void refuse(std::string_view name, std::string reason);
    std::string pointer_to(std::string_view name) const;
    Result<> finish();

  private:
    const Value* value_;
    std::string pointer_;
    std::vector<std::string> asked_;
    std::optional<Error> wrong_;
};

}  // namespace blotter::json
