#pragma once

#include <source_location>

namespace blotter {

/// Prints what did not hold and where, then ends the process. A broken invariant means that the
/// next write could be wrong, and a restart from the durable state is safer than going on.
[[noreturn]] void invariant_failed(const char* condition, std::source_location where);

}  // namespace blotter

/// On in release too. For programming errors only, never for input from outside.
#define INVARIANT(condition)                                                          \
    do {                                                                              \
        if (!(condition)) [[unlikely]]                                                \
            ::blotter::invariant_failed(#condition, std::source_location::current()); \
    } while (false)
