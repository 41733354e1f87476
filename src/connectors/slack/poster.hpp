#pragma once

#include "connectors/connector.hpp"
#include "connectors/slack/book.hpp"
#include "connectors/slack/message.hpp"
#include "connectors/slack/pacing_desk.hpp"
#include "runtime/entropy.hpp"
#include "runtime/loop.hpp"

namespace blotter::connectors::slack {

/// One message on its way: the row that stands for it, and what it says.
struct Draft {
    store::SlackMessageRow row;  ///< without number, state and id where there is no row yet
    EventId event;
    Message message;
    AmbiguityPolicy policy = AmbiguityPolicy::hold;
    std::uint32_t burst = 3;
    /// Longest wait for its turn in the channel; past it the message comes again later.
    std::chrono::seconds turn_wait_max{60};
};

/// Sends one message: waits for its place, writes it down, sends it, writes down what came of it.
/// What Slack refuses as too early keeps its place: it is sent again when Slack's time is over.
/// A crash at any point leaves either nothing sent, or a row that says that it may be there.
/// One per loop; many at once.
class Poster {
  public:
    struct Parts {
        runtime::Loop& loop;
        runtime::Entropy& entropy;
        WebApi& api;
        Book& book;
        PacingDesk& pacing;
    };
    explicit Poster(Parts parts) : parts_(parts) {}

    Book& book() { return parts_.book; }
    /// Fills verdict, cause, words and attempt of `report`.
    runtime::Task<> post(const Plan& plan, Draft draft, AttemptReport& report);

  private:
    struct Sent {
        CallAnswer answer;
        std::string form_trouble;
        std::string outcome;
    };
    runtime::Task<> post_once(const Plan& plan, Draft& draft, AttemptReport& report);
    runtime::Task<Sent> send(const Plan& plan, const Draft& draft, const SlackMessageId& id);
    runtime::Task<bool> is_renewed(const Plan& plan, const Draft& draft);
    runtime::Task<bool> wait_turn(const Plan& plan, const Draft& draft, AttemptReport& report);
    runtime::Task<> conclude(const Plan& plan, const Draft& draft, std::int64_t tries, Sent sent,
                             AttemptReport& report);
    runtime::Task<> write_down(Ended ended, AttemptReport& report);

    Parts parts_;
};

}  // namespace blotter::connectors::slack
