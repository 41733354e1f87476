#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "config/types.hpp"

namespace blotter::config {

/// Whether a change counts after a reload (SIGHUP) or only after a restart.
enum class Applies : std::uint8_t { at_start, at_reload };

/// One row of settings.def.
struct Row {
    std::string_view section;
    std::string_view name;  ///< "delivery.timeout"
    Kind kind = Kind::text;
    std::string_view default_text;
    std::int64_t min = 0;
    std::int64_t max = 0;
    Applies applies = Applies::at_start;
    std::string_view example;
    std::string_view help;
};

struct Section {
    std::string_view name;
    std::string_view title;
};

/// All rows, in the order of the file; sections likewise. Static data.
std::span<const Row> rows();
std::span<const Section> sections();

/// Null when there is no such setting.
const Row* find_row(std::string_view name);
/// "BLOTTER_DELIVERY_TIMEOUT" for delivery.timeout.
std::string environment_name(const Row& row);
/// What values a row takes, in words: "a duration from 100ms to 5m".
std::string allowed(const Row& row);
/// "duration", "size", … for tables.
std::string_view kind_name(Kind kind);
/// "64KiB", "1GiB", "1000 bytes": the largest unit that divides it.
std::string bytes_text(std::int64_t bytes);

/// The known setting most like a mistyped one; empty when none is near.
std::string_view nearest_name(std::string_view mistyped);

}  // namespace blotter::config
