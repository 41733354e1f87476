#pragma once

#include <vector>

#include "connectors/slack/pacing.hpp"
#include "runtime/loop.hpp"

namespace blotter::connectors::slack {

/// Pacers for all loops: each Slack workspace's is on one of them, so that the rate holds whichever
/// loop a message comes from. Made before the loops run; `book` and `pause` from any of them.
class PacingDesk {
  public:
    explicit PacingDesk(std::uint32_t workspace_per_minute)
        : workspace_per_minute_(workspace_per_minute) {}
    void add(runtime::Loop& loop) { desks_.push_back(std::make_unique<Desk>(Desk{&loop, {}})); }

    struct Request {
        std::string team;
        std::string channel;
        std::uint32_t burst = 3;
        std::chrono::nanoseconds wait_max{};
    };
    runtime::Task<Pacer::Place> book(Request request);
    runtime::Task<> pause(Request request, MonoTime until);

  private:
    struct Desk {
        runtime::Loop* loop;
        Pacer pacer;
    };
    PacingLimits limits_for(const Request& request) const {
        return {request.burst, workspace_per_minute_};
    }
    runtime::Task<Pacer::Place> book_at(Desk& desk, Request request);
    runtime::Task<> pause_at(Desk& desk, Request request, MonoTime until);
    Desk& desk_of(const std::string& team);

    std::uint32_t workspace_per_minute_;
    std::vector<std::unique_ptr<Desk>> desks_;
};

}  // namespace blotter::connectors::slack
