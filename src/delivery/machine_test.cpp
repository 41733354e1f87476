#include "delivery/machine.hpp"

#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

Outcome answered(int status) {
    return classify(Answer{.status = status, .at = test_epoch});
}

/// One delivery driven through the machine, with its clock and its destination.
class Story {
  public:
    Delivery delivery{.ends = test_epoch};
    Gate gate = Gate::open;
    Timestamp now = test_epoch;
    Schedule schedule = Schedule::standard();
    Step step;
    Effects effects;

    Result<Decision> try_input(const Input& input) {
        return decide(delivery, input,
                      {.schedule = schedule, .gate = gate, .now = now, .random = random_});
    }
    Story& input(const Input& given) {
        auto decision = try_input(given);
        EXPECT_TRUE(decision) << (decision ? "" : decision.error().detail);
        if (decision) {
            delivery = decision->after;
            step = decision->step;
            effects = decision->effects;
        }
        return *this;
    }
    Story& turn(Gate state) {
        gate = state;
        return input(DestinationChanged{});
    }
    Story& after(Duration wait) {
        now += wait;
        return *this;
    }
    /// Makes the attempt that is due, at the time at which it is due.
    Story& attempt(int status) {
        if (const auto* wait = std::get_if<WaitUntil>(&step)) now = wait->at;
        return input(Started{}).after(1s).input(Ended{answered(status)});
    }
    DeliveryState state() const { return delivery.state; }

  private:
    FixedRandom random_{0};
};

Story planned() {
    return Story{}.input(Planned{});
}

TEST(Machine, delivers_at_the_first_2xx) {
    Story story = planned();
    EXPECT_EQ(story.step, Step{SendNow{}});
    story.attempt(204);
    EXPECT_EQ(story.step, Step{Finish{DeliveryState::delivered}});
    EXPECT_EQ(story.effects, Effects{Effect::record_attempt});
    EXPECT_EQ(story.delivery.reason, Reason::accepted);
    EXPECT_EQ(story.delivery.attempts, 1U);
}

TEST(Machine, follows_the_schedule_and_then_fails_with_an_alert) {
    Story story = planned();
    const Schedule schedule = Schedule::standard();
    for (std::uint32_t attempt = 1; attempt < 7; ++attempt) {
        story.attempt(500);
        EXPECT_EQ(story.state(), DeliveryState::retrying);
        EXPECT_EQ(story.effects, Effects{Effect::record_attempt});
        EXPECT_EQ(story.step, Step{WaitUntil{test_epoch + schedule.offset_of(attempt + 1)}});
        EXPECT_EQ(story.delivery.due, test_epoch + schedule.offset_of(attempt + 1));
    }
    story.attempt(500);
    EXPECT_EQ(story.step, Step{Finish{DeliveryState::failed}});
    EXPECT_EQ(story.effects, (Effects{Effect::record_attempt, Effect::alert_failed}));
    EXPECT_EQ(story.delivery.reason, Reason::attempts_used_up);
    EXPECT_EQ(story.now, test_epoch + 72h + 1s);
}

TEST(Machine, disables_the_destination_and_stops_at_410) {
    Story story = planned().attempt(410);
    EXPECT_EQ(story.step, Step{Finish{DeliveryState::failed}});
    EXPECT_EQ(story.effects,
              (Effects{Effect::record_attempt, Effect::disable_destination, Effect::alert_gone}));
    EXPECT_EQ(story.delivery.reason, Reason::receiver_gone);
}

TEST(Machine, slows_the_destination_down_for_429_502_503_504_only) {
    for (const int status : {301, 400, 404, 429, 500, 502, 503, 504}) {
        const Story story = planned().attempt(status);
        const bool expected = status == 429 || status >= 502;
        EXPECT_EQ(story.effects.has(Effect::slow_down), expected) << status;
        EXPECT_EQ(story.state(), DeliveryState::retrying);
    }
}

Outcome outcome_of(OutcomeCode code) {
    return {.code = code, .words = "for a test"};
}

TEST(Machine, parks_what_its_receiver_blocks_and_sends_it_after_the_cause_is_gone) {
    Story story;
    story.input(Planned{}).input(Started{}).input(Ended{outcome_of(OutcomeCode::blocked)});
    EXPECT_EQ(story.state(), DeliveryState::held);
    EXPECT_EQ(story.delivery.reason, Reason::receiver_blocked);
    EXPECT_EQ(story.effects, (Effects{Effect::record_attempt, Effect::disable_destination,
                                      Effect::alert_blocked}));
    story.after(std::chrono::days{40}).turn(Gate::disabled).turn(Gate::open);
    EXPECT_EQ(story.step, Step{SendNow{}});
    story.attempt(200);
    EXPECT_EQ(story.state(), DeliveryState::delivered);
}

TEST(Machine, parks_even_when_it_was_the_last_attempt) {
    Story story;
    story.schedule = Schedule::parse("0s").value();
    story.input(Planned{}).input(Started{}).input(Ended{outcome_of(OutcomeCode::blocked)});
    EXPECT_EQ(story.state(), DeliveryState::held);
}

TEST(Machine, ends_at_once_what_is_not_permitted_or_unclear) {
    for (const auto& [code, reason, alert] :
         {std::tuple{OutcomeCode::not_permitted, Reason::not_permitted, Effect::alert_failed},
          std::tuple{OutcomeCode::unclear, Reason::outcome_unclear, Effect::alert_unclear}}) {
        Story story;
        story.input(Planned{}).input(Started{}).input(Ended{outcome_of(code)});
        EXPECT_EQ(story.state(), DeliveryState::failed);
        EXPECT_EQ(story.delivery.reason, reason);
        EXPECT_EQ(story.effects, (Effects{Effect::record_attempt, alert}));
    }
}

TEST(Machine, never_starts_early_even_when_the_clock_was_set_back) {
    Story story = planned().attempt(500);
    const Step wait = story.step;
    story.input(Started{});
    EXPECT_EQ(story.step, wait);
    EXPECT_EQ(story.delivery.attempts, 1U);
    story.now = *story.delivery.due - 1ms;
    EXPECT_EQ(story.input(Started{}).state(), DeliveryState::retrying);
    story.now = *story.delivery.due;
    EXPECT_EQ(story.input(Started{}).state(), DeliveryState::in_flight);
}

TEST(Machine, makes_no_attempt_after_any_final_state) {
    std::vector<Story> ended{planned().attempt(200), planned().attempt(410),
                             planned().input(Cancelled{})};
    for (Story& story : ended) {
        const Delivery before = story.delivery;
        ASSERT_TRUE(is_final(before.state));
        for (const Input& input : std::vector<Input>{Planned{}, Started{}, Ended{answered(500)},
                                                     Skipped{story.now}, Cancelled{}}) {
            const auto refused = story.try_input(input);
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().code, Errc::conflict);
        }
        for (const auto state : {Gate::disabled, Gate::open}) {
            story.turn(state);
            EXPECT_EQ(story.step, Step{Finish{before.state}});
        }
        story.after(100h).input(WindowOver{});
        EXPECT_EQ(story.delivery, before);
        EXPECT_TRUE(story.effects.empty());
    }
}

TEST(Machine, replays_as_a_new_delivery_and_leaves_the_old_one_alone) {
    Story story = planned().attempt(410);
    const Delivery before = story.delivery;
    story.input(Replayed{});
    EXPECT_EQ(story.delivery, before);
    EXPECT_EQ(story.effects, Effects{Effect::create_replay});
    EXPECT_FALSE(planned().try_input(Replayed{}));
    EXPECT_FALSE(planned().attempt(500).try_input(Replayed{}));
}

TEST(Machine, holds_everything_while_the_destination_is_paused_or_disabled) {
    Story born;
    born.gate = Gate::disabled;
    born.input(Planned{});
    EXPECT_EQ(born.step, Step{Hold{Reason::destination_disabled}});
    EXPECT_FALSE(born.try_input(Started{}));

    Story waiting = planned().attempt(500).turn(Gate::paused);
    EXPECT_EQ(waiting.step, Step{Hold{Reason::destination_paused}});
    EXPECT_EQ(waiting.turn(Gate::disabled).step, Step{Hold{Reason::destination_disabled}});

    // The dispatcher had chosen it when the destination was paused: no attempt is consumed.
    Story chosen = planned();
    chosen.gate = Gate::paused;
    chosen.input(Started{});
    EXPECT_EQ(chosen.state(), DeliveryState::held);
    EXPECT_EQ(chosen.delivery.attempts, 0U);

    Story under_way = planned().input(Started{}).turn(Gate::paused);
    EXPECT_EQ(under_way.step, Step{AwaitOutcome{}});
    EXPECT_EQ(under_way.input(Ended{answered(500)}).state(), DeliveryState::held);
    Story lucky = planned().input(Started{}).turn(Gate::paused);
    EXPECT_EQ(lucky.input(Ended{answered(200)}).state(), DeliveryState::delivered);
}

TEST(Machine, goes_on_where_it_was_when_the_destination_is_resumed) {
    Story story = planned().attempt(500).turn(Gate::paused).after(1min);
    story.turn(Gate::open);
    EXPECT_EQ(story.step, Step{WaitUntil{test_epoch + 5min}});
    Story overdue = planned().attempt(500).turn(Gate::paused).after(10min);
    EXPECT_EQ(overdue.turn(Gate::open).step, Step{SendNow{}});
    EXPECT_EQ(overdue.state(), DeliveryState::retrying);
}

TEST(Machine, does_not_count_the_time_held_against_the_window) {
    Story never_tried = planned().turn(Gate::paused).after(24h * 30);
    never_tried.input(WindowOver{});
    EXPECT_EQ(never_tried.state(), DeliveryState::held);
    never_tried.turn(Gate::open);
    EXPECT_EQ(never_tried.step, Step{SendNow{}});
    EXPECT_EQ(never_tried.delivery.ends, never_tried.now + 72h + window_grace);

    // One more attempt after its window went by, then the end.
    Story tried = planned().attempt(500).turn(Gate::disabled).after(24h * 30);
    tried.turn(Gate::open);
    EXPECT_EQ(tried.step, Step{SendNow{}});
    EXPECT_EQ(tried.input(WindowOver{}).state(), DeliveryState::retrying);
    tried.input(Started{}).after(1s).input(Ended{answered(500)});
    EXPECT_EQ(tried.state(), DeliveryState::failed);
    EXPECT_EQ(tried.delivery.reason, Reason::window_over);
    EXPECT_TRUE(tried.effects.has(Effect::alert_failed));
}

TEST(Machine, gives_up_when_its_turn_never_comes) {
    Story story = planned();
    story.now = story.delivery.ends - 1ms;
    EXPECT_EQ(story.input(WindowOver{}).state(), DeliveryState::queued);
    story.now = story.delivery.ends;
    EXPECT_EQ(story.input(WindowOver{}).state(), DeliveryState::failed);
    EXPECT_EQ(story.effects, Effects{Effect::alert_failed});
    EXPECT_EQ(story.delivery.reason, Reason::window_over);

    Story late = planned();
    late.now = late.delivery.ends;
    EXPECT_EQ(late.input(Started{}).state(), DeliveryState::failed);
    EXPECT_EQ(late.delivery.attempts, 0U);

    Story under_way = planned().input(Started{});
    under_way.now = under_way.delivery.ends + 1h;
    EXPECT_EQ(under_way.input(WindowOver{}).step, Step{AwaitOutcome{}});
    EXPECT_EQ(under_way.input(Ended{answered(200)}).state(), DeliveryState::delivered);
}

TEST(Machine, notes_an_open_circuit_once_and_consumes_no_attempt) {
    Story story = planned();
    story.input(Skipped{story.now + 60s});
    EXPECT_EQ(story.effects, Effects{Effect::record_skip});
    EXPECT_EQ(story.step, Step{WaitUntil{test_epoch + 60s}});
    EXPECT_EQ(story.delivery.attempts, 0U);
    story.after(60s).input(Skipped{story.now + 60s});
    EXPECT_TRUE(story.effects.empty());
    story.after(60s).attempt(503);
    EXPECT_EQ(story.delivery.attempts, 1U);
    story.input(Skipped{story.now + 60s});
    EXPECT_EQ(story.effects, Effects{Effect::record_skip});
    // It never moves a planned attempt forward, nor past the end.
    EXPECT_EQ(story.delivery.due, *story.delivery.first_started + 5min);
    story.input(Skipped{story.now + 24h * 365});
    EXPECT_EQ(story.delivery.due, story.delivery.ends);
}

TEST(Machine, takes_an_attempt_back_that_was_never_sent) {
    Story story = planned().input(Started{});
    story.input(Ended{classify(Fault{.code = OutcomeCode::not_sent})});
    EXPECT_EQ(story.state(), DeliveryState::queued);
    EXPECT_EQ(story.delivery.attempts, 0U);
    EXPECT_FALSE(story.delivery.first_started);
    EXPECT_TRUE(story.effects.empty());

    Story retry = planned().attempt(500);
    const Delivery before = retry.delivery;
    retry.now = *before.due;
    retry.input(Started{}).input(Ended{classify(Fault{.code = OutcomeCode::not_sent})});
    EXPECT_EQ(retry.delivery, before);
}

TEST(Machine, cancels_at_once_or_after_the_attempt_under_way) {
    EXPECT_EQ(planned().input(Cancelled{}).state(), DeliveryState::cancelled);
    EXPECT_EQ(planned().turn(Gate::paused).input(Cancelled{}).state(), DeliveryState::cancelled);
    Story refused = planned().input(Started{}).input(Cancelled{});
    EXPECT_EQ(refused.step, Step{AwaitOutcome{}});
    EXPECT_EQ(refused.input(Ended{answered(500)}).state(), DeliveryState::cancelled);
    EXPECT_TRUE(refused.effects.has(Effect::record_attempt));
    Story accepted = planned().input(Started{}).input(Cancelled{});
    EXPECT_EQ(accepted.input(Ended{answered(200)}).state(), DeliveryState::delivered);
}

TEST(Machine, stores_the_state_before_the_attempt_under_way) {
    EXPECT_EQ(stored_state(planned().delivery), DeliveryState::queued);
    EXPECT_EQ(stored_state(planned().input(Started{}).delivery), DeliveryState::queued);
    Story second = planned().attempt(500);
    second.now = *second.delivery.due;
    EXPECT_EQ(stored_state(second.input(Started{}).delivery), DeliveryState::retrying);
}

TEST(Machine, has_stable_stored_numbers) {
    // Written by earlier versions: these must always read as the same states.
    const std::pair<int, std::string_view> stored[] = {{1, "queued"}, {3, "retrying"},
                                                       {4, "held"},   {5, "delivered"},
                                                       {6, "failed"}, {7, "cancelled"}};
    for (const auto& [number, name] : stored)
        EXPECT_EQ(to_text(delivery_state_from(number).value()), name);
    for (const std::int64_t number : {-1, 0, 2, 8, 256 + 5})
        EXPECT_FALSE(delivery_state_from(number)) << number;
    EXPECT_EQ(std::to_underlying(Reason::destination_paused), 1);
    EXPECT_EQ(std::to_underlying(Reason::accepted), 10);
    EXPECT_EQ(std::to_underlying(Reason::cancelled), 14);
}

/// Any inputs in any order: the promises hold.
TEST(Machine, keeps_its_promises_over_random_stories) {
    for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        SeededRandom random{seed};
        Story story = planned();
        std::uint32_t attempts = 0;
        bool accepted = false;
        for (int i = 0; i < 200; ++i) {
            story.after(Duration{static_cast<std::int64_t>(random.below(7'200'000))});
            const Delivery before = story.delivery;
            constexpr int statuses[] = {200, 302, 400, 429, 500, 503, 503, 503, 503};
            const std::vector<Input> inputs{Started{},
                                            Started{},
                                            Started{},
                                            Ended{answered(statuses[random.below(9)])},
                                            Ended{answered(500)},
                                            Ended{classify(Fault{.code = OutcomeCode::not_sent})},
                                            DestinationChanged{},
                                            WindowOver{},
                                            Skipped{story.now + 60s},
                                            Planned{},
                                            Cancelled{},
                                            Replayed{}};
            if (random.below(10) == 0) story.gate = static_cast<Gate>(1 + random.below(3));
            std::uint64_t which = random.below(inputs.size());
            if (which == 10 && random.below(10) != 0) which = 0;  // few cancellations
            const auto decision = story.try_input(inputs[which]);
            if (!decision) continue;
            const Delivery& after = decision->after;
            story.delivery = after;
            const bool starts =
                before.state != DeliveryState::in_flight && after.state == DeliveryState::in_flight;
            if (starts) {
                attempts += 1;
                ASSERT_FALSE(accepted);
                ASSERT_EQ(story.gate, Gate::open);
                ASSERT_TRUE(!before.due || *before.due <= story.now);
                ASSERT_LT(story.now, before.ends);
            }
            if (decision->effects.has(Effect::record_attempt) &&
                after.state == DeliveryState::delivered)
                accepted = true;
            if (is_final(before.state)) {
                ASSERT_EQ(after, before);
            }
            if (!starts && before.state == DeliveryState::in_flight && after.attempts < attempts)
                attempts -= 1;
            ASSERT_EQ(after.attempts, attempts);
            ASSERT_LE(attempts, story.schedule.attempts_max());
            ASSERT_EQ(after.first_started.has_value(), attempts > 0);
            if (after.state == DeliveryState::retrying) {
                ASSERT_TRUE(after.due.has_value());
            }
        }
        // Faults off: whatever still waits becomes final.
        story.turn(Gate::open);
        for (int i = 0; i < 30 && !is_final(story.state()); ++i) {
            if (story.state() == DeliveryState::in_flight) {
                story.input(Ended{answered(503)});
            } else {
                if (story.delivery.due) story.now = std::max(story.now, *story.delivery.due);
                story.input(Started{});
            }
        }
        EXPECT_TRUE(is_final(story.state()));
    }
}

}  // namespace
}  // namespace blotter::delivery
