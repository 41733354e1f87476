#pragma once

#include "api/services.hpp"

namespace blotter::api {

/// The re-send button under an expired envelope was pressed: a copy of the envelope goes out to
/// those who have not acted, with the time that it had. Once per message; later presses change
/// nothing, and neither do those of another Slack workspace. Writer's thread only.
Result<> resend_from_slack(store::Tx& tx, WriterSide& side, const SlackMessageId& message,
                           std::string_view team);

}  // namespace blotter::api
