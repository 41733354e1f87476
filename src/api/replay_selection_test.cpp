#include "api/replay_selection.hpp"

#include <gtest/gtest.h>

namespace blotter::api {
namespace {

using store::DeliveryRow;
using store::DeliveryState;

constexpr Timestamp noon = from_ms(1'780'000'000'000);

DeliveryRow row_of(DeliveryState state, std::int64_t no = 7) {
    DeliveryRow row;
    row.no = no;
    row.event_seq = 3;
    row.destination_no = 5;
    row.workspace_no = 1;
    row.state = state;
    row.created_at = noon;
    return row;
}

ReplaySelection selection_of(ReplayWhat what) {
    ReplaySelection s;
    s.workspace_no = 1;
    s.from = noon;
    s.until = noon + Duration{1};
    s.what = what;
    return s;
}

TEST(ReplaySelection, takes_the_states_that_were_asked_for) {
    struct Case {
        ReplayWhat what;
        std::vector<DeliveryState> taken;
    };
    const Case cases[] = {
        {ReplayWhat::ended,
         {DeliveryState::held, DeliveryState::delivered, DeliveryState::failed,
          DeliveryState::cancelled}},
        {ReplayWhat::failed, {DeliveryState::failed}},
        {ReplayWhat::held, {DeliveryState::held}},
        {ReplayWhat::cancelled, {DeliveryState::cancelled}},
        {ReplayWhat::delivered, {DeliveryState::delivered}},
        {ReplayWhat::missing, {}},
    };
    for (const Case& c : cases)
        for (const DeliveryState state :
             {DeliveryState::queued, DeliveryState::retrying, DeliveryState::held,
              DeliveryState::delivered, DeliveryState::failed, DeliveryState::cancelled})
            EXPECT_EQ(takes(selection_of(c.what), row_of(state), EventType::envelope_sent),
                      std::ranges::find(c.taken, state) != c.taken.end())
                << to_text(c.what) << ", state " << static_cast<int>(state);
}

TEST(ReplaySelection, includes_the_beginning_of_the_range_and_excludes_its_end) {
    ReplaySelection s = selection_of(ReplayWhat::ended);
    const auto taken = [&] {
        return takes(s, row_of(DeliveryState::failed), EventType::envelope_sent);
    };
    EXPECT_TRUE(taken());
    s.from = noon + Duration{1};
    s.until = noon + Duration{2};
    EXPECT_FALSE(taken());
    s.from = noon - Duration{1};
    s.until = noon;
    EXPECT_FALSE(taken());
}

TEST(ReplaySelection, keeps_to_its_workspace_destination_and_event_types) {
    const DeliveryRow row = row_of(DeliveryState::failed);
    ReplaySelection s = selection_of(ReplayWhat::failed);
    s.destination_no = 5;
    s.types.emplace().add(EventType::envelope_sent);
    EXPECT_TRUE(takes(s, row, EventType::envelope_sent));
    EXPECT_FALSE(takes(s, row, EventType::envelope_voided));
    s.destination_no = 6;
    EXPECT_FALSE(takes(s, row, EventType::envelope_sent));
    s.destination_no.reset();
    EXPECT_TRUE(takes(s, row, EventType::envelope_sent));
    s.workspace_no = 2;
    EXPECT_FALSE(takes(s, row, EventType::envelope_sent));
}

TEST(ReplaySelection, leaves_out_a_failure_that_was_made_good_or_is_on_its_way) {
    const DeliveryRow failed = row_of(DeliveryState::failed, 7);
    const auto followed_by = [&](DeliveryState state, std::int64_t no) {
        return is_followed(failed, {failed, row_of(state, no)});
    };
    EXPECT_FALSE(is_followed(failed, {failed}));
    EXPECT_TRUE(followed_by(DeliveryState::delivered, 8));
    EXPECT_TRUE(followed_by(DeliveryState::queued, 8));
    EXPECT_TRUE(followed_by(DeliveryState::retrying, 8));
    EXPECT_TRUE(followed_by(DeliveryState::held, 8));
    EXPECT_FALSE(followed_by(DeliveryState::failed, 8)) << "it failed again";
    EXPECT_FALSE(followed_by(DeliveryState::delivered, 6)) << "that was before";
    DeliveryRow elsewhere = row_of(DeliveryState::delivered, 8);
    elsewhere.destination_no = 6;
    EXPECT_FALSE(is_followed(failed, {elsewhere}));
}

TEST(ReplaySelection, comes_back_from_its_stored_form) {
    ReplaySelection s = selection_of(ReplayWhat::missing);
    s.workspace_no = 0;
    EXPECT_EQ(selection_from_json(to_json(s)).value(), s);
    s.types.emplace().add(EventType::recipient_signed);
    EXPECT_EQ(selection_from_json(to_json(s)).value(), s);
}

TEST(ReplaySelection, refuses_what_is_no_range) {
    struct Case {
        const char* text;
        const char* pointer;
    };
    const Case cases[] = {
        {R"({})", "/from"},
        {R"({"from":"2026-05-26T00:00:00Z"})", "/until"},
        {R"({"from":"2026-05-26T00:00:00Z","until":"2026-05-26T00:00:00Z"})", "/until"},
        {R"({"from":"yesterday","until":"2026-05-26T00:00:00Z"})", "/from"},
        {R"({"from":"2026-05-25T00:00:00Z","until":"2026-05-26T00:00:00Z","state":"lost"})",
         "/state"},
        {R"({"from":"2026-05-25T00:00:00Z","until":"2026-05-26T00:00:00Z","event_types":["x.y"]})",
         "/event_types"},
        {R"({"from":"2026-05-25T00:00:00Z","until":"2026-05-26T00:00:00Z","speed":1})", "/speed"},
    };
    for (const Case& c : cases) {
        const auto read = selection_from_json(json::parse(c.text).value());
        ASSERT_FALSE(read) << c.text;
        EXPECT_EQ(read.error().code, Errc::invalid_argument) << c.text;
        EXPECT_EQ(read.error().pointer, c.pointer) << c.text;
    }
}

}  // namespace
}  // namespace blotter::api
