#include "store/tables/delivery_ids.hpp"

#include <set>

#include <gtest/gtest.h>

namespace blotter::store {
namespace {

EventId event_of(std::uint8_t last) {
    EventId out;
    for (std::size_t i = 0; i < out.value.size(); ++i)
        out.value[i] = static_cast<std::uint8_t>(0x80 + i);
    out.value[15] = last;
    return out;
}

TEST(DeliveryIds, lead_back_to_their_destination) {
    const EventId event = event_of(7);
    for (const std::int64_t no : {std::int64_t{1}, std::int64_t{2}, std::int64_t{255},
                                  std::int64_t{10'000}, std::int64_t{1} << 40}) {
        const DeliveryId id = planned_delivery_id(event, no);
        EXPECT_EQ(destination_in(id, event), no);
        EXPECT_NE(destination_in(id, event_of(8)), no);
    }
}

TEST(DeliveryIds, keep_the_time_and_the_variant_of_the_events_uuid) {
    const EventId event = event_of(7);
    const DeliveryId id = planned_delivery_id(event, 12'345);
    EXPECT_TRUE(std::equal(id.value.begin(), id.value.begin() + 8, event.value.begin()));
    EXPECT_EQ(id.value[8] & 0xc0, event.value[8] & 0xc0);
    EXPECT_NE(id.value, event.value);
}

TEST(DeliveryIds, of_events_that_were_counted_up_differ) {
    std::set<DeliveryId> ids;
    for (int event = 0; event < 256; ++event)
        for (std::int64_t no = 1; no <= 256; ++no)
            ids.insert(planned_delivery_id(event_of(static_cast<std::uint8_t>(event)), no));
    EXPECT_EQ(ids.size(), 256U * 256U);
}

TEST(DeliveryIds, are_within_the_range_in_which_their_event_is_looked_for) {
    const EventId event = event_of(7);
    const EventIdRange range = events_of(planned_delivery_id(event, 99));
    EXPECT_LE(range.first, event);
    EXPECT_GE(range.last, event);
    EventId other = event;
    other.value[7] ^= 1;
    EXPECT_TRUE(other < range.first || other > range.last);
}

TEST(DeliveryIds, of_another_time_are_none_of_an_event) {
    EventId other = event_of(7);
    other.value[0] ^= 1;
    EXPECT_FALSE(destination_in(planned_delivery_id(other, 3), event_of(7)));
}

}  // namespace
}  // namespace blotter::store
