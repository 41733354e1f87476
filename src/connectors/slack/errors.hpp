#pragma once

#include <cstdint>
#include <string_view>

namespace blotter::connectors::slack {

/// What an error code of Slack means for a message and for its connection.
enum class ErrorClass : std::uint8_t {
    throttled,  ///< too fast: later, after Retry-After
    retry,      ///< it did not arrive; again by the schedule
    later,      ///< the workspace is being moved into an organisation: half an hour
    unclear,    ///< it may have arrived
    lost,       ///< the connection is dead until an admin connects again
    expired,    ///< the token is: refresh it, then again
    channel,    ///< the channel does not take messages until an admin changes something
    quota,      ///< the plan's limit of messages is used up: hours
    form,       ///< Slack does not understand the message: once more as plain text
    thread,     ///< the thread is gone: once more without it
    unknown,    ///< a code that is not in the table
};

ErrorClass class_of(std::string_view code);

/// What an admin does about it, in one sentence; empty where there is nothing to do.
std::string_view advice_for(std::string_view code);

}  // namespace blotter::connectors::slack
