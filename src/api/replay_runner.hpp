#pragma once

#include <vector>

#include "api/replay_selection.hpp"
#include "api/services.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "store/tables/replays.hpp"

namespace blotter::api {

/// The next part of a selection, filters included. `own_no` is the replay that asks, 0 for a
/// preview. On the loop of `services`.
struct SliceQuery {
    std::int64_t after = 0;
    std::int64_t own_no = 0;
};
runtime::Task<Result<ReplaySlice>> next_slice(Services& services, ReplaySelection selection,
                                              SliceQuery query);

/// How many deliveries a replay would make, looked at up to a bound.
runtime::Task<Result<store::Count>> preview(Services& services, ReplaySelection selection);

/// Which replay makes deliveries.
struct ReplayPlace {
    std::int64_t no = 0;
    std::int64_t workspace_no = 0;
};
/// Writes the deliveries of a replay, due now or held as their destinations are, and has them sent
/// after the commit. Gives how many were made: an event has one per destination and replay, however
/// often this is done. A held delivery that is sent again is cancelled. Writer only.
Result<std::int64_t> write_replayed(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                    const ReplayPlace& place, const std::vector<ReplayItem>& items);

/// Carries out replays in the background, slice by slice, each slice and its progress in one
/// transaction: a crash or a stop loses and doubles nothing, the next start goes on. It looks for
/// work by itself, so nobody has to tell it. One per program, on one loop; loop thread only.
class ReplayRunner {
  public:
    /// `services` of the loop it runs on; outlives it.
    explicit ReplayRunner(Services& services, Duration look_again = Duration{1'000})
        : services_(services),
          look_again_(look_again),
          wake_(services.loop),
          tasks_(services.loop) {}
    ReplayRunner(const ReplayRunner&) = delete;
    ReplayRunner& operator=(const ReplayRunner&) = delete;

    void start();
    /// Ends after the slice that is under way.
    runtime::Task<> stop();

  private:
    runtime::Task<> run();
    runtime::Task<Result<>> advance(store::ReplayRow replay);
    runtime::Task<Result<>> give_up(store::ReplayRow replay, Error why);
    runtime::Task<Result<>> finish_slice(store::ReplayRow replay, ReplaySlice slice);

    Services& services_;
    const Duration look_again_;
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::api
