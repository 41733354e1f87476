#include "api/event_intake.hpp"

#include <gtest/gtest.h>

namespace blotter::api {
namespace {

TEST(AnswerText, is_the_answer_that_is_made_of_values) {
    const Timestamp at = from_ms(1'779'805'920'123);
    for (const bool repeated : {false, true}) {
        const intake::Accepted accepted{EventId{.value = {1, 2, 3}}, 7, at, 12, repeated};
        EXPECT_EQ(answer_text(accepted), json::to_text(answer_of(Taken{accepted})));
    }
}

}  // namespace
}  // namespace blotter::api
