#pragma once

#include "api/services.hpp"
#include "api/slack/channels.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "store/tables/slack.hpp"

namespace blotter::api {

/// What Slack needs without anybody asking: summaries and digests are sent, tokens renewed before
/// they run out, connections checked daily, and parked messages released when their cause is gone.
/// One for the installation, on the first loop.
class SlackKeeper {
  public:
    /// Looks for messages that wait every `interval`.
    explicit SlackKeeper(Services& services, Duration interval = Duration{500})
        : services_(services), interval_(interval), wake_(services.loop), tasks_(services.loop) {}
    void start();
    runtime::Task<> stop();

  private:
    runtime::Task<> run();
    runtime::Task<> hold_lost_work();
    runtime::Task<> send_work();
    runtime::Task<> send_one(store::SlackMessageRow row);
    runtime::Task<> close_old_summaries();
    runtime::Task<> look_after_connections();
    runtime::Task<> look_after(store::SlackConnectionRow row);
    runtime::Task<bool> renew(const OpenSlack& connection);
    runtime::Task<> check_identity(const OpenSlack& connection);
    runtime::Task<> look_after_channels();
    runtime::Task<> release(std::int64_t destination_no);
    runtime::Task<> plan_digests();
    void report(std::string_view what, const Error& error);
    Timestamp now() const { return services_.loop.clock().wall(); }

    Services& services_;
    const Duration interval_;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
    bool stopping_ = false;
};

}  // namespace blotter::api
