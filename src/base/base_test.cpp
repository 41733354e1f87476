#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "base/utf8.hpp"

namespace blotter {
namespace {

TEST(Bytes, hex_goes_both_ways_and_refuses_other_text) {
    const Bytes bytes{0x00, 0x7f, 0xff};
    EXPECT_EQ(to_hex(bytes), "007fff");
    EXPECT_EQ(from_hex("007FfF").value(), bytes);
    EXPECT_FALSE(from_hex("007"));
    EXPECT_FALSE(from_hex("0g"));
}

// RFC 4648 section 10.
TEST(Bytes, base64_gives_the_vectors_of_its_standard) {
    const std::pair<std::string_view, std::string_view> rows[] = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : rows) {
        EXPECT_EQ(to_base64(as_bytes(plain)), text);
        EXPECT_EQ(as_text(from_base64(text).value()), plain);
    }
}

TEST(Bytes, base64_refuses_what_is_not_canonical) {
    for (const auto* text : {"Zg", "Zg=", "Zg===", "Zh==", "Z g=", "Zg==Zg==", "====", "Zm9=v"})
        EXPECT_FALSE(from_base64(text)) << text;
    EXPECT_EQ(to_base64url(Bytes{0xfb, 0xff}), "-_8");
    EXPECT_EQ(from_base64url("-_8").value(), (Bytes{0xfb, 0xff}));
    EXPECT_FALSE(from_base64url("-_8="));
}

// FIPS 180-4, the one-block example.
TEST(Bytes, sha256_gives_the_vector_of_its_standard) {
    const auto expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    EXPECT_EQ(to_hex(sha256("abc")), expected);
    Sha256 parts;
    parts.update(as_bytes("a"));
    parts.update(as_bytes("bc"));
    EXPECT_EQ(to_hex(parts.finish()), expected);
}

TEST(Ids, text_goes_both_ways_and_keeps_the_order) {
    const std::array<std::uint8_t, 10> low{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const EventId first{make_uuid7(from_ms(1'000), low)};
    const EventId second{make_uuid7(from_ms(2'000), low)};
    EXPECT_LT(first.text(), second.text());
    EXPECT_EQ(first.text().size(), 30U);
    EXPECT_EQ(EventId::parse(second.text()).value(), second);
    EXPECT_EQ(time_of(second.value), from_ms(2'000));
}

TEST(Ids, text_of_another_kind_or_shape_is_refused) {
    const std::string text = EventId{}.text();
    EXPECT_FALSE(DeliveryId::parse(text));
    EXPECT_FALSE(EventId::parse(text + "0"));
    EXPECT_FALSE(EventId::parse("evt_U0000000000000000000000000"));
    EXPECT_FALSE(EventId::parse("evt_80000000000000000000000000"));
    EXPECT_FALSE(EventId::parse(""));
    static_assert(!std::is_convertible_v<EventId, DeliveryId>);
    static_assert(!std::is_convertible_v<std::string, EventId>);
}

TEST(Time, rfc3339_goes_both_ways) {
    EXPECT_EQ(to_rfc3339(from_ms(1'779'805'920'123)), "2026-05-26T14:32:00.123Z");
    EXPECT_EQ(parse_rfc3339("2026-05-26T14:32:00.123Z").value(), from_ms(1'779'805'920'123));
    EXPECT_EQ(parse_rfc3339("2026-05-26T16:32:00.1239+02:00").value(), from_ms(1'779'805'920'123));
    EXPECT_EQ(to_rfc3339(parse_rfc3339("2016-12-31T23:59:60Z").value()),
              "2016-12-31T23:59:59.999Z");
    for (const auto* text : {"1970-01-01T00:00:00.000Z", "2000-02-29T09:08:07.006Z",
                             "2038-01-19T03:14:08.010Z", "9999-12-31T23:59:59.999Z"})
        EXPECT_EQ(to_rfc3339(parse_rfc3339(text).value()), text);
    EXPECT_EQ(to_rfc3339(parse_rfc3339("9999-12-31T23:59:59.999Z").value() + Duration{1}),
              "10000-01-01T00:00:00.000Z");
}

TEST(Time, what_is_no_time_is_refused) {
    for (const auto* text : {"", "2026-02-30T00:00:00Z", "2026-05-26", "2026-05-26T24:00:00Z",
                             "2026-05-26T14:32:00", "1969-12-31T23:59:59Z", "2026-05-26T14:32:00.Z",
                             "2026-05-26T14:32:00+24:00", "2026-05-26T14:32:00Zx"})
        EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(Time, durations_go_both_ways) {
    EXPECT_EQ(parse_duration("26h35m").value(), Duration{95'700'000});
    EXPECT_EQ(to_text(Duration{95'700'000}), "1d2h35m");
    EXPECT_EQ(parse_duration("250ms").value(), Duration{250});
    for (const auto* text : {"", "5", "m5", "5m1h", "5m5m", "-5m", "9999999999999d", "5 m"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Utf8, the_first_bad_byte_is_found) {
    EXPECT_FALSE(find_invalid_utf8("Größe € 𝄞 plain text that is longer than eight"));
    EXPECT_EQ(find_invalid_utf8("abc\xff"), 3U);
    EXPECT_EQ(find_invalid_utf8("\xc0\x80"), 0U);       // overlong
    EXPECT_EQ(find_invalid_utf8("a\xed\xa0\x80"), 1U);  // surrogate
    EXPECT_EQ(find_invalid_utf8("12345678\xf5\x80\x80\x80"), 8U);
    EXPECT_EQ(find_invalid_utf8("\xe2\x82"), 0U);  // cut short
    EXPECT_EQ(cut_utf8("a€b", 3), "a");
    EXPECT_EQ(cut_utf8("a€b", 4), "a€");
}

}  // namespace
}  // namespace blotter
