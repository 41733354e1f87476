#include "base/json_reader.hpp"

#include <gtest/gtest.h>

namespace blotter::json {

namespace {
enum class Colour : std::uint8_t { unknown = 0, red = 1, green = 10, blue = 63 };

std::string_view to_text(Colour colour) {
    switch (colour) {
        case Colour::red:
            return "red";
        case Colour::green:
            return "green";
        case Colour::blue:
            return "blue";
        case Colour::unknown:
            break;
    }
    return "unknown";
}

std::optional<Colour> parse_colour(std::string_view text) {
    for (const Colour colour : {Colour::red, Colour::green, Colour::blue})
        if (to_text(colour) == text) return colour;
    return std::nullopt;
}

TEST(ObjectReader, a_choice_that_is_not_accepted_is_refused_with_those_that_are) {
    const auto body = parse(R"({"colour":"unknown"})");
    ObjectReader in{*body, "/paint"};
    EXPECT_EQ(in.choice_or("colour", parse_colour, Colour::green), Colour::green);
    const auto refused = in.finish();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail, "'unknown' is not one of: red, green, blue");
    EXPECT_EQ(refused.error().pointer, "/paint/colour");
}

TEST(ObjectReader, a_choice_that_is_accepted_or_left_out_is_no_mistake) {
    const auto body = parse(R"({"colour":"blue"})");
    ObjectReader in{*body};
    EXPECT_EQ(in.choice_or("colour", parse_colour, Colour::green), Colour::blue);
    EXPECT_EQ(in.choice_or("other", parse_colour, Colour::green), Colour::green);
    EXPECT_TRUE(in.finish());
}

}  // namespace
}  // namespace blotter::json
