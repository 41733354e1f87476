#pragma once

#include "api/services.hpp"

namespace blotter::api {

/// Which button: the message it stands under, and who pressed it, as Slack says.
struct PressedResend {
    SlackMessageId message;
    std::string team;
    std::string user;  ///< told what came of it; kept nowhere
};

/// The re-send button under an expired envelope was pressed: a copy of the envelope goes out to
/// all of its recipients, with the time that it had. Once per message: `Applied::no` when it was
/// pressed before. Errc::not_found for a message that is not kept, or of another Slack
/// workspace. Writer's thread only.
Result<store::Applied> resend_from_slack(store::Tx& tx, WriterSide& side,
                                         const SlackMessageId& message, std::string_view team);

/// Does the above and tells the person, in a note that nobody else sees, what came of it. Takes
/// less time than Slack waits for an acknowledgement. On the loop of `services`.
runtime::Task<> take_resend(Services& services, PressedResend pressed);

}  // namespace blotter::api
