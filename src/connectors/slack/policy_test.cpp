// What may be sent, how fast, and what Slack's answers mean: tables.
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "connectors/slack/book.hpp"
#include "connectors/slack/pacing.hpp"
#include "connectors/slack/web_api.hpp"

namespace blotter::connectors::slack {
namespace {

using namespace std::chrono_literals;
using State = store::SlackMessageState;

std::optional<store::SlackMessageRow> row(State state, std::int64_t run = 1,
                                          std::int64_t destination = 5, std::int64_t tries = 1) {
    store::SlackMessageRow out;
    out.state = state;
    out.run = run;
    out.destination_no = destination;
    out.tries = tries;
    return out;
}

TEST(SlackStep, follows_from_the_row_alone) {
    struct Case {
        std::optional<store::SlackMessageRow> row;
        AmbiguityPolicy policy;
        Step step;
    };
    const auto hold = AmbiguityPolicy::hold;
    const auto once = AmbiguityPolicy::resend_once;
    const Case cases[] = {
        {std::nullopt, hold, Step::send},
        {row(State::sent), hold, Step::there_already},
        {row(State::sent), once, Step::there_already},
        {row(State::folded), hold, Step::there_already},
        {row(State::failed), hold, Step::send},
        {row(State::cleared), hold, Step::send},
        {row(State::waiting), hold, Step::send},
        {row(State::held), hold, Step::hold},
        {row(State::held), once, Step::hold},
        {row(State::dropped), once, Step::not_wanted},
        {row(State::sending, 1, 6), hold, Step::carried},
        {row(State::sending, 1, 5), hold, Step::hold},
        {row(State::sending, 9, 5), hold, Step::hold},
        {row(State::sending, 9, 6), hold, Step::hold},
        {row(State::sending, 9, 5), once, Step::send},
        {row(State::sending, 9, 5, 2), once, Step::hold},
    };
    for (const Case& one : cases)
        EXPECT_EQ(next_step(one.row, {.mine = 5, .run = 1, .policy = one.policy}), one.step)
            << (one.row ? to_text(one.row->state) : "none");
}

class Pace : public ::testing::Test {
  protected:
    std::chrono::nanoseconds ask(std::string_view channel, std::chrono::nanoseconds at) {
        const auto place = pacer.book("T1", channel, limits, start + at, 100h);
        return *place.at - start;
    }
    MonoTime start{1'000s};
    PacingLimits limits{.channel_burst = 3, .workspace_per_minute = 600};
    Pacer pacer;
};

TEST_F(Pace, allows_the_burst_and_then_one_a_second_in_each_channel) {
    for (const auto expected : {0s, 0s, 0s, 1s, 2s, 3s}) EXPECT_EQ(ask("C1", 0s), expected);
    EXPECT_EQ(ask("C2", 0s), 0s) << "channels do not wait for each other";
    EXPECT_EQ(ask("C1", 100s), 100s);
    EXPECT_EQ(ask("C1", 100s), 100s) << "a rest earns the burst again";
}

TEST_F(Pace, never_gives_more_than_the_rate_over_any_while) {
    std::vector<std::chrono::nanoseconds> given;
    for (int i = 0; i < 200; ++i) given.push_back(ask("C1", i * 37ms));
    for (std::size_t i = 0; i + 3 < given.size(); ++i)
        EXPECT_GE(given[i + 3] - given[i], 1s) << "at " << i;
    EXPECT_TRUE(std::ranges::is_sorted(given));
}

TEST_F(Pace, holds_the_whole_workspace_to_its_rate) {
    limits.workspace_per_minute = 60;
    std::chrono::nanoseconds last{};
    for (int i = 0; i < 30; ++i) last = ask("C" + std::to_string(i), 0s);
    EXPECT_EQ(last, 20s) << "ten at once, then one a second over all channels";
}

TEST_F(Pace, waits_for_retry_after_and_begins_without_a_burst) {
    pacer.pause("T1", "C1", limits, start + 30s);
    EXPECT_EQ(ask("C1", 0s), 30s);
    EXPECT_EQ(ask("C1", 0s), 31s);
    EXPECT_EQ(ask("C2", 0s), 0s);
}

TEST_F(Pace, books_nothing_beyond_the_longest_wait) {
    pacer.pause("T1", "C1", limits, start + 30s);
    const auto place = pacer.book("T1", "C1", limits, start, 5s);
    EXPECT_FALSE(place.at);
    EXPECT_EQ(place.soonest, start + 30s);
    EXPECT_EQ(ask("C1", 0s), 30s) << "the place is still free";
}

TEST_F(Pace, forgets_channels_that_had_their_rest) {
    for (int i = 0; i < 100; ++i) ask("C" + std::to_string(i), 0s);
    pacer.tidy(start + 1s);
    EXPECT_LT(pacer.size(), 102U);
    pacer.tidy(start + 1h);
    EXPECT_EQ(pacer.size(), 0U);
}

CallAnswer judged(int status, std::string body, http::BodyEnd end = http::BodyEnd::complete) {
    http::Answer answer;
    answer.status = status;
    answer.body = std::move(body);
    answer.body_end = end;
    return judge_call(answer);
}

TEST(SlackAnswer, is_judged_by_its_words_and_else_by_its_status) {
    EXPECT_TRUE(judged(200, R"({"ok":true,"ts":"1.2"})").ok);
    struct Case {
        int status;
        std::string body;
        ErrorClass kind;
    };
    const auto error = [](std::string_view code) {
        return R"({"ok":false,"error":")" + std::string{code} + R"("})";
    };
    const Case cases[] = {
        {200, error("ratelimited"), ErrorClass::throttled},
        {429, error("anything"), ErrorClass::throttled},
        {429, "", ErrorClass::throttled},
        {200, error("internal_error"), ErrorClass::retry},
        {503, error("service_unavailable"), ErrorClass::retry},
        {500, "oops", ErrorClass::retry},
        {503, "", ErrorClass::retry},
        {502, "", ErrorClass::unclear},
        {504, "<html>", ErrorClass::unclear},
        {200, "not json", ErrorClass::unclear},
        {200, "", ErrorClass::unclear},
        {200, error("fatal_error"), ErrorClass::unclear},
        {200, error("token_revoked"), ErrorClass::lost},
        {200, error("account_inactive"), ErrorClass::lost},
        {200, error("missing_scope"), ErrorClass::lost},
        {200, error("token_expired"), ErrorClass::expired},
        {200, error("not_in_channel"), ErrorClass::channel},
        {200, error("restricted_action_of_a_new_kind"), ErrorClass::channel},
        {200, error("message_limit_exceeded"), ErrorClass::quota},
        {200, error("invalid_blocks"), ErrorClass::form},
        {200, error("invalid_metadata_of_a_new_kind"), ErrorClass::form},
        {200, error("thread_not_found"), ErrorClass::thread},
        {200, error("made_up"), ErrorClass::unknown},
        {404, "", ErrorClass::unknown},
    };
    for (const Case& one : cases) {
        const CallAnswer answer = judged(one.status, one.body);
        EXPECT_FALSE(answer.ok) << one.body;
        EXPECT_EQ(answer.kind, one.kind) << one.status << ' ' << one.body;
        EXPECT_FALSE(answer.error.empty());
    }
    EXPECT_EQ(judged(200, R"({"ok":true)", http::BodyEnd::broken).kind, ErrorClass::unclear);
}

TEST(SlackAnswer, every_code_of_the_reference_has_its_class) {
    const std::pair<ErrorClass, std::vector<const char*>> classes[] = {
        {ErrorClass::throttled, {"ratelimited", "rate_limited"}},
        {ErrorClass::retry, {"service_unavailable", "internal_error", "request_timeout"}},
        {ErrorClass::later, {"team_added_to_org", "org_login_required"}},
        {ErrorClass::unclear, {"fatal_error"}},
        {ErrorClass::expired, {"token_expired"}},
        {ErrorClass::lost,
         {"invalid_auth", "not_authed", "token_revoked", "account_inactive", "missing_scope",
          "not_allowed_token_type", "app_access_restricted", "no_permission",
          "two_factor_setup_required"}},
        {ErrorClass::channel,
         {"channel_not_found", "not_in_channel", "is_archived", "restricted_action",
          "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
          "messages_tab_disabled", "ekm_access_denied", "team_not_found"}},
        {ErrorClass::form,
         {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long",
          "no_text", "too_many_attachments", "metadata_too_large", "invalid_metadata_format",
          "invalid_metadata_schema", "invalid_arg_name", "invalid_arguments", "invalid_array_arg",
          "invalid_post_type", "missing_post_type"}},
        {ErrorClass::quota, {"message_limit_exceeded"}},
    };
    for (const auto& [kind, codes] : classes)
        for (const char* code : codes) EXPECT_EQ(class_of(code), kind) << code;
}

TEST(SlackAnswer, that_never_came_is_unclear_only_when_the_request_may_have_arrived) {
    http::Failure failure{.error = {Errc::connection_closed, "the connection broke"}};
    failure.sent = http::Failure::Sent::no;
    EXPECT_EQ(judge_call(std::unexpected{failure}).kind, ErrorClass::retry);
    failure.sent = http::Failure::Sent::maybe;
    EXPECT_EQ(judge_call(std::unexpected{failure}).kind, ErrorClass::unclear);
}

TEST(SlackForm, encodes_everything_that_is_not_plain) {
    EXPECT_EQ(encode_form({{"scope", "chat:write,x y"}, {"é", "&="}}),
              "scope=chat%3Awrite%2Cx%20y&%C3%A9=%26%3D");
}

}  // namespace
}  // namespace blotter::connectors::slack
