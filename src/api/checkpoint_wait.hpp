#pragma once

#include <algorithm>

#include "api/services.hpp"

namespace blotter::api {

/// Reads what a signed checkpoint must cover, again and again until `is_covered` takes the reading
/// or patience ends: a checkpoint that is due any moment is waited for, so that an event and its
/// proof can be asked for in one breath. Gives the last reading. On the loop of `services`.
template <typename Work, typename IsCovered>
runtime::Task<std::invoke_result_t<Work&, sql::Connection&>> read_covered(Services& services,
                                                                          Work work,
                                                                          IsCovered is_covered) {
    const Duration patience = 2 * services.settings.ledger.checkpoint_interval + Duration{1'000};
    const MonoTime end = services.loop.now() + std::min(patience, Duration{5'000});
    for (;;) {
        auto found = co_await store::read(services.loop, services.reader, work);
        if (is_covered(found) || services.loop.now() >= end) co_return found;
        co_await services.loop.sleep_for(std::chrono::milliseconds{50});
    }
}

}  // namespace blotter::api
