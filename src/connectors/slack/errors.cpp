#include "connectors/slack/errors.hpp"

#include <array>
#include <utility>

namespace blotter::connectors::slack {

ErrorClass class_of(std::string_view code) {
    static constexpr std::pair<std::string_view, ErrorClass> table[] = {
#define X(name, kind) {#name, ErrorClass::kind},
#include "connectors/slack/errors.def"
#undef X
    };
    for (const auto& [name, kind] : table)
        if (name == code) return kind;
    // Slack adds kinds of restriction now and then; all of them are settings of the channel.
    if (code.starts_with("restricted_action")) return ErrorClass::channel;
    if (code.starts_with("invalid_metadata")) return ErrorClass::form;
    return ErrorClass::unknown;
}

std::string_view advice_for(std::string_view code) {
    if (code == "not_in_channel")
        return "the app is not in the channel: write \"/invite\" and the app's name there";
    if (code == "channel_not_found")
        return "the channel does not exist, or the app is not in it: invite the app with "
               "\"/invite\", or choose another channel";
    if (code == "is_archived") return "the channel is archived: restore it or choose another one";
    if (code.starts_with("restricted_action"))
        return "who may post in the channel is restricted: let the app post, or choose another one";
    if (code == "message_limit_exceeded")
        return "the Slack workspace's plan takes no more messages; it is tried again in some hours";
    if (code == "missing_scope")
        return "the app was not given the permissions it needs: connect the workspace again";
    switch (class_of(code)) {
        case ErrorClass::later:
            return "the Slack workspace is being moved into an organisation; it is tried again in "
                   "half an hour";
        case ErrorClass::lost:
        case ErrorClass::expired:
            return "Slack does not accept the connection any more: connect the workspace again";
        case ErrorClass::channel:
            return "the channel takes no messages of the app: change it in Slack or choose another";
        default:
            return "";
    }
}

}  // namespace blotter::connectors::slack
