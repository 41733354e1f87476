#pragma once

#include <string>
#include <string_view>

#include "cli/console.hpp"

namespace blotter::cli {

// The pages of docs/ that are made from tables in the code; a test fails when one is stale.

/// docs/ERRORS.md, from base/errors.def.
std::string errors_page();
/// docs/EVENTS.md, from the event types and their schemas.
std::string events_page();

/// `blotter docs PAGE`: errors, events or settings.
int print_page(Console& console, std::string_view name);

}  // namespace blotter::cli
