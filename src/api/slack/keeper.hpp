#pragma once

#include <map>
#include <set>

#include "api/services.hpp"
#include "api/slack/channels.hpp"
#include "connectors/connector.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "store/commits.hpp"
#include "store/tables/slack.hpp"

namespace blotter::api {

/// What Slack needs without anybody asking: summaries and digests are sent, tokens renewed before
/// they run out, connections checked daily, and parked messages released when their cause is gone.
/// One for the installation, on the first loop.
class SlackKeeper {
  public:
    SlackKeeper(Services& services, store::Commits& commits, store::Rounds rounds)
        : services_(services),
          work_(commits, rounds),
          wake_care_(services.loop),
          tasks_(services.loop) {}
    void start();
    runtime::Task<> stop();

  private:
    // Summaries and digests: keeper_work.cpp.
    runtime::Task<> run_work();
    runtime::Task<> hold_lost_work();
    // These give when they are to be looked at again.
    runtime::Task<std::optional<Timestamp>> close_old_summaries();
    runtime::Task<std::optional<Timestamp>> send_work();
    runtime::Task<> send_one(store::SlackMessageRow row);
    runtime::Task<> conclude(store::SlackMessageRow row, connectors::AttemptReport report);
    runtime::Task<> drop(store::SlackMessageRow row);
    runtime::Task<> plan_digests();

    // Connections and channels.
    enum class Renewed : std::uint8_t { yes, refused, not_now };
    runtime::Task<> run_care();
    runtime::Task<> look_after_connections();
    runtime::Task<> look_after(store::SlackConnectionRow row);
    runtime::Task<Renewed> renew(const OpenSlack& connection);
    runtime::Task<> look_after_channels();
    runtime::Task<> release(std::int64_t destination_no);

    void report(std::string_view what, const Error& error);
    Timestamp now() const { return services_.loop.clock().wall(); }

    Services& services_;
    store::Watch work_;
    runtime::Signal wake_care_;
    std::set<std::int64_t> in_hand_;  ///< summaries and digests that are being sent
    /// The latest digest that was planned for each destination, and for whom.
    std::map<std::int64_t, std::pair<std::string, Timestamp>> digests_;
    runtime::TaskGroup tasks_;
    bool stopping_ = false;
};

}  // namespace blotter::api
