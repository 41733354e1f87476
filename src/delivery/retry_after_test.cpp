#include "delivery/retry_after.hpp"

#include <gtest/gtest.h>

#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

TEST(HttpDate, reads_the_three_forms_of_the_rfc) {
    // RFC 9110 section 5.6.7 gives these three spellings of one moment.
    const Timestamp expected = parse_rfc3339("1994-11-06T08:49:37Z").value();
    const Timestamp now = parse_rfc3339("1994-01-01T00:00:00Z").value();
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", now), expected);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now), expected);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994", now), expected);
}

TEST(HttpDate, takes_a_two_digit_year_as_at_most_fifty_years_ahead) {
    const Timestamp now = parse_rfc3339("2026-05-26T00:00:00Z").value();
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now),
              parse_rfc3339("1994-11-06T08:49:37Z").value());
    EXPECT_EQ(parse_http_date("Friday, 06-Nov-76 08:49:37 GMT", now),
              parse_rfc3339("2076-11-06T08:49:37Z").value());
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-77 08:49:37 GMT", now),
              parse_rfc3339("1977-11-06T08:49:37Z").value());
}

TEST(HttpDate, refuses_everything_else) {
    for (const std::string_view text :
         {"", " ", "Sun", "Thu, 01 Jan 1970", "Sun, 6 Nov 1994 08:49:37 GMT",
          "sun, 06 Nov 1994 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
          "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
          "Wed, 31 Dec 1969 23:59:59 GMT", "Sun Nov 6 08:49:37 1994",
          "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun, 06  Nov 1994 08:49:37 GMT",
          "Sun, -6 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"})
        EXPECT_FALSE(parse_http_date(text, test_epoch)) << text;
}

TEST(HttpDate, counts_a_leap_second_as_the_next_minute) {
    EXPECT_EQ(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", test_epoch),
              parse_rfc3339("2017-01-01T00:00:00Z").value());
}

TEST(RetryAfter, reads_seconds) {
    EXPECT_EQ(parse_retry_after("0", test_epoch), Duration{0});
    EXPECT_EQ(parse_retry_after("120", test_epoch), Duration{2min});
    EXPECT_EQ(parse_retry_after(" \t120 ", test_epoch), Duration{2min});
    EXPECT_EQ(parse_retry_after("000000000120", test_epoch), Duration{2min});
}

TEST(RetryAfter, cuts_what_is_too_long_instead_of_overflowing) {
    EXPECT_EQ(parse_retry_after("99999999999", test_epoch), retry_after_max);
    EXPECT_EQ(parse_retry_after(std::string(64, '9'), test_epoch), retry_after_max);
    EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", test_epoch), retry_after_max);
}

TEST(RetryAfter, takes_a_date_as_the_wait_until_it) {
    EXPECT_EQ(parse_retry_after("Tue, 26 May 2026 14:42:00 GMT", test_epoch), Duration{10min});
    EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", test_epoch), Duration{0});
}

TEST(RetryAfter, ignores_garbage) {
    for (const std::string_view text : {"", " ", "-1", "+5", "1.5", "1e9", "0x10", "5s", "5, 6",
                                        "soon", "Thu, 01 Jan 1970", "\r\n5", "５"})
        EXPECT_FALSE(parse_retry_after(text, test_epoch)) << text;
    EXPECT_FALSE(parse_retry_after(std::string(65, '9'), test_epoch));
    EXPECT_FALSE(parse_retry_after(std::string_view{"5\0", 2}, test_epoch));
}

TEST(RetryAfter, survives_any_bytes) {
    SeededRandom random{49};
    const std::string_view alphabet = "SunMonThu, 0123456789-:GMTJaNov \t\xff";
    for (int round = 0; round < 100'000; ++round) {
        std::string text(random.below(40), ' ');
        for (char& c : text) c = alphabet[random.below(alphabet.size())];
        const auto wait = parse_retry_after(text, test_epoch);
        if (!wait) continue;
        EXPECT_GE(*wait, Duration::zero());
        EXPECT_LE(*wait, retry_after_max);
    }
}

}  // namespace
}  // namespace blotter::delivery
