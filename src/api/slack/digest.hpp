#pragma once

#include "api/services.hpp"
#include "connectors/slack/message.hpp"
#include "store/tables/slack.hpp"

/// Messages that no single event causes: the daily digest and summaries of what was folded.
namespace blotter::api {

/// Pure: the destination wants a digest, and its time of today came within the last six hours.
bool is_digest_due(const Destination& destination, Timestamp now);
/// Writes down that today's digest is to be sent, once. Writer's thread only.
Result<> plan_digest(store::Tx& tx, WriterSide& side, const Destination& destination);

/// What the message says, from the store as it is now.
runtime::Task<Result<connectors::slack::Message>> render_slack_work(
    Services& services, const store::SlackMessageRow& row, const routing::TargetPtr& target);

}  // namespace blotter::api
