#pragma once

#include "api/services.hpp"
#include "connectors/slack/message.hpp"
#include "store/tables/slack.hpp"

/// Messages that no single event causes: the daily digest and summaries of what was folded.
namespace blotter::api {

/// Pure: the time of today's digest, when one is wanted and it came within the last six hours.
std::optional<Timestamp> due_digest(const Destination& destination, Timestamp now);
/// Writes down that the digest of that time is to be sent, once. `Applied::no` while its Slack
/// workspace is not connected. Writer's thread only.
Result<store::Applied> plan_digest(store::Tx& tx, WriterSide& side, const Destination& destination,
                                   Timestamp at);

/// What the message says, from the store as it is now.
runtime::Task<Result<connectors::slack::Message>> render_slack_work(
    Services& services, const store::SlackMessageRow& row, const routing::TargetPtr& target);

}  // namespace blotter::api
