#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/slack/web_api.hpp"
#include "model/destination.hpp"
#include "store/tables/slack.hpp"

namespace blotter::connectors::slack {

/// What is known before a message is sent.
struct Plan {
    std::optional<store::SlackConnectionRow> connection;
    security::Secret token;
    std::optional<store::SlackMessageRow> message;  ///< the row of this one, if it has one
    std::string thread;  ///< Slack's name of the message to answer to; empty: none
};

/// What follows from a message's row; see `next_step`.
enum class Step : std::uint8_t {
    send,
    there_already,  ///< it is in the channel, or in a summary
    not_wanted,     ///< a person decided against it
    carried,        ///< another destination is sending it to the same channel right now
    hold,           ///< it may be there: a person decides
};

/// Pure: whether a message may be sent, from its row. `mine` is the destination that asks, `run`
/// the run of this program.
struct Asking {
    std::int64_t mine = 0;
    std::int64_t run = 0;
    AmbiguityPolicy policy = AmbiguityPolicy::hold;
};
Step next_step(const std::optional<store::SlackMessageRow>& row, const Asking& asking);

/// How a message ended.
struct Ended {
    std::int64_t message_no = 0;
    store::SlackMessageState state = store::SlackMessageState::sent;
    std::string ts;
    std::string outcome;          ///< "sent", "sent_as_text", or Slack's error code
    EventId event;                ///< nil for summaries and digests
    bool is_lost = false;         ///< Slack does not accept the connection any more
    bool is_expired = false;      ///< nor its token, which can be renewed
    std::string form_trouble;     ///< what Slack did not understand; an alert is raised
    std::optional<Bytes> sealed;  ///< the connection's tokens that Slack spoke of
};

/// Where messages are written down. One per loop; the methods run on it.
class Book {
  public:
    virtual ~Book() = default;
    virtual runtime::Task<Result<Plan>> plan(SlackConnectionId connection,
                                             std::int64_t workspace_no,
                                             store::SlackMessageRow message) = 0;
    /// Writes `sending`, durably, before anything is sent. Says what the row allows; the row as
    /// written comes back in `message`.
    struct Begun {
        Step step = Step::send;
        std::string lost;  ///< not empty: the connection is gone meanwhile
        store::SlackMessageRow message;
    };
    virtual runtime::Task<Result<Begun>> begin(store::SlackMessageRow message,
                                               AmbiguityPolicy policy) = 0;
    virtual runtime::Task<Result<>> finish(Ended ended) = 0;
    /// Makes the message part of the channel's open summary; `is_last`: and closes that.
    virtual runtime::Task<Result<>> fold(store::SlackMessageRow message, bool is_last) = 0;
    /// Whether a summary grows for the channel.
    virtual runtime::Task<Result<bool>> is_folding(std::int64_t connection_no,
                                                   std::string channel) = 0;
};

}  // namespace blotter::connectors::slack
