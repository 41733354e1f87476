#include "base/decimal.hpp"

#include <type_traits>

#include <gtest/gtest.h>

namespace blotter {
namespace {

static_assert(std::is_trivially_copyable_v<Decimal>);
static_assert(!std::is_convertible_v<double, Decimal>);
static_assert(!std::is_convertible_v<int, Decimal>);

Decimal dec(std::string_view text) {
    auto value = Decimal::parse(text);
    EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().detail);
    return value.value_or(Decimal{});
}

std::string text_of(const Result<Decimal>& value) {
    return value ? value->to_text() : "error";
}

TEST(Decimal, reads_json_numbers_and_prints_them_plainly) {
    struct Row {
        std::string_view text;
        std::string_view plain;
    };
    const Row rows[] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.00", "0.00"},
        {"0.05", "0.05"},
        {"12500.10", "12500.10"},
        {"-3.5", "-3.5"},
        {"1e3", "1000"},
        {"1.25E+4", "12500"},
        {"1.5e1", "15"},
        {"1.50e1", "15.0"},
        {"12e-2", "0.12"},
        {"100e-2", "1.00"},
        {"0e999999999999", "0"},
        {"0.000e-5", "0.00000000"},
        {"1e35", "100000000000000000000000000000000000"},
        {"0.000000000000000001", "0.000000000000000001"},
        {"10e-19", "0.000000000000000001"},
        {"1.00000000000000000000000000000", "1.000000000000000000"},
        {"999999999999999999.999999999999999999", "999999999999999999.999999999999999999"},
        {"123456789012345678901234567890123456", "123456789012345678901234567890123456"},
        {"12345678901234567890123456789012345.60", "12345678901234567890123456789012345.6"},
        {"9007199254740993", "9007199254740993"},
    };
    for (const Row& row : rows) EXPECT_EQ(dec(row.text).to_text(), row.plain) << row.text;
}

TEST(Decimal, refuses_what_is_no_json_number_or_does_not_fit_exactly) {
    const std::string rows[] = {"",
                                "-",
                                "+1",
                                "12,500",
                                "12 500",
                                " 1",
                                "1 ",
                                "1.",
                                ".5",
                                "01",
                                "-01",
                                "00",
                                "1e",
                                "1e+",
                                "1e1.5",
                                "0x10",
                                "NaN",
                                "Infinity",
                                "1_000",
                                "١",
                                "1.2.3",
                                "--1",
                                "1e36",
                                "1e400",
                                "1e-19",
                                "1e-99999999999999999999",
                                "1e99999999999999999999",
                                "0.0000000000000000001",
                                "1.0000000000000000001",
                                std::string(37, '9'),
                                std::string(64, '1'),
                                std::string(65, '0'),
                                std::string(1'000'000, '1'),
                                std::string("1\0", 2)};
    for (const std::string& row : rows) EXPECT_FALSE(Decimal::parse(row)) << row.substr(0, 80);
}

TEST(Decimal, a_refusal_does_not_repeat_an_endless_text) {
    EXPECT_LT(Decimal::parse(std::string(1'000'000, 'x')).error().detail.size(), 100U);
}

TEST(Decimal, adds_and_subtracts_exactly) {
    struct Row {
        std::string_view left, right, sum, difference;
    };
    const Row rows[] = {
        {"0.1", "0.2", "0.3", "-0.1"},
        {"1", "0.05", "1.05", "0.95"},
        {"12500.00", "2500.00", "15000.00", "10000.00"},
        {"1.10", "1.1", "2.20", "0.00"},
        {"-5", "5", "0", "-10"},
        {"999999999999999999999999999999999999", "1", "error",
         "999999999999999999999999999999999998"},
        {"999999999999999999999999999999999999", "0.1", "error", "error"},
        {"100000000000000000000000000000000000", "1.000000000000000000",
         "100000000000000000000000000000000001", "99999999999999999999999999999999999"},
        {"0.000000000000000001", "100000000000000000", "100000000000000000.000000000000000001",
         "-99999999999999999.999999999999999999"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(text_of(dec(row.left).plus(dec(row.right))), row.sum) << row.left;
        EXPECT_EQ(text_of(dec(row.right).plus(dec(row.left))), row.sum) << row.left;
        EXPECT_EQ(text_of(dec(row.left).minus(dec(row.right))), row.difference) << row.left;
    }
}

TEST(Decimal, multiplies_exactly_or_fails) {
    struct Row {
        std::string_view left, right, product;
    };
    const Row rows[] = {
        {"0.1", "0.1", "0.01"},
        {"12500.00", "0.20", "2500.0000"},
        {"-3", "1.5", "-4.5"},
        {"0", "-7.25", "0.00"},
        {"1e18", "1e17", "100000000000000000000000000000000000"},
        {"1e18", "1e18", "error"},
        {"0.0000000001", "0.0000000001", "error"},
        {"0.0000000010", "0.1000000000", "0.000000000100000000"},
        {"1.000000000000000000", "1.000000000000000000", "1.000000000000000000"},
        {"100000000000000000.500000000000000000", "2.000000000000000000", "200000000000000001.0"},
        {"123456789012345678901234567890", "123456789012345678901234567890", "error"},
    };
    for (const Row& row : rows)
        EXPECT_EQ(text_of(dec(row.left).times(dec(row.right))), row.product)
            << row.left << " * " << row.right;
}

TEST(Decimal, divides_to_a_chosen_scale_and_rounds_once) {
    struct Row {
        std::string_view left, right;
        int scale;
        Rounding mode;
        std::string_view quotient;
    };
    const Row rows[] = {
        {"1", "3", 4, Rounding::half_even, "0.3333"},
        {"2", "3", 4, Rounding::half_even, "0.6667"},
        {"-2", "3", 4, Rounding::half_up, "-0.6667"},
        {"2", "3", 4, Rounding::down, "0.6666"},
        {"1", "8", 2, Rounding::half_even, "0.12"},
        {"3", "8", 2, Rounding::half_even, "0.38"},
        {"1", "8", 2, Rounding::half_up, "0.13"},
        {"-1", "8", 2, Rounding::half_up, "-0.13"},
        {"1", "8", 2, Rounding::up, "0.13"},
        {"-1", "8", 2, Rounding::floor, "-0.13"},
        {"-1", "8", 2, Rounding::ceiling, "-0.12"},
        {"12500.00", "1.2", 2, Rounding::half_even, "10416.67"},
        {"0.25", "1", 1, Rounding::half_even, "0.2"},
        {"0.2500000001", "1", 1, Rounding::half_even, "0.3"},
        {"0.75", "3", 1, Rounding::half_even, "0.2"},
        // The cut digits are exactly a half, but the division leaves a rest: above a tie.
        {"0.7500001", "3", 1, Rounding::half_even, "0.3"},
        {"1", "1000000000000000000", 18, Rounding::half_even, "0.000000000000000001"},
        {"999999999999999999999999999999999999", "1", 0, Rounding::down,
         "999999999999999999999999999999999999"},
        {"999999999999999999999999999999999999", "1", 1, Rounding::down, "error"},
        {"999999999999999999999999999999999999", "0.1", 0, Rounding::down, "error"},
        {"1", "999999999999999999999999999999999999", 18, Rounding::up, "0.000000000000000001"},
        {"999999999999999999999999999999999998", "999999999999999999999999999999999999", 18,
         Rounding::down, "0.999999999999999999"},
        {"1", "0", 2, Rounding::down, "error"},
        {"1", "0.00", 2, Rounding::down, "error"},
        {"1", "3", 19, Rounding::down, "error"},
        {"1", "3", -1, Rounding::down, "error"},
        {"0", "-3", 2, Rounding::floor, "0.00"},
    };
    for (const Row& row : rows)
        EXPECT_EQ(text_of(dec(row.left).divided_by(dec(row.right), row.scale, row.mode)),
                  row.quotient)
            << row.left << " / " << row.right << " at " << row.scale;
}

TEST(Decimal, the_remainder_has_the_sign_of_the_dividend) {
    EXPECT_EQ(text_of(dec("7").remainder(dec("3"))), "1");
    EXPECT_EQ(text_of(dec("-7").remainder(dec("3"))), "-1");
    EXPECT_EQ(text_of(dec("7.00").remainder(dec("-3.0"))), "1");
    EXPECT_EQ(text_of(dec("7.5").remainder(dec("3"))), "error");
    EXPECT_EQ(text_of(dec("7").remainder(dec("0"))), "error");
}

TEST(Decimal, rounds_and_pads_to_a_scale) {
    struct Row {
        std::string_view text;
        int scale;
        std::string_view half_even, half_up, down, up, floor, ceiling;
    };
    const Row rows[] = {
        {"2.5", 0, "2", "3", "2", "3", "2", "3"},
        {"3.5", 0, "4", "4", "3", "4", "3", "4"},
        {"-2.5", 0, "-2", "-3", "-2", "-3", "-3", "-2"},
        {"2.45", 1, "2.4", "2.5", "2.4", "2.5", "2.4", "2.5"},
        {"2.451", 1, "2.5", "2.5", "2.4", "2.5", "2.4", "2.5"},
        {"-0.004", 2, "0.00", "0.00", "0.00", "-0.01", "-0.01", "0.00"},
        {"1.00", 1, "1.0", "1.0", "1.0", "1.0", "1.0", "1.0"},
        {"12500", 2, "12500.00", "12500.00", "12500.00", "12500.00", "12500.00", "12500.00"},
        {"9.99", 1, "10.0", "10.0", "9.9", "10.0", "9.9", "10.0"},
    };
    for (const Row& row : rows) {
        const Decimal value = dec(row.text);
        EXPECT_EQ(text_of(value.round(row.scale, Rounding::half_even)), row.half_even) << row.text;
        EXPECT_EQ(text_of(value.round(row.scale, Rounding::half_up)), row.half_up) << row.text;
        EXPECT_EQ(text_of(value.round(row.scale, Rounding::down)), row.down) << row.text;
        EXPECT_EQ(text_of(value.round(row.scale, Rounding::up)), row.up) << row.text;
        EXPECT_EQ(text_of(value.round(row.scale, Rounding::floor)), row.floor) << row.text;
        EXPECT_EQ(text_of(value.round(row.scale, Rounding::ceiling)), row.ceiling) << row.text;
    }
    EXPECT_FALSE(dec("1e35").round(1, Rounding::half_up));
    EXPECT_FALSE(dec("1e35").round(18, Rounding::half_up));
    EXPECT_FALSE(dec("1").round(19, Rounding::half_up));
    EXPECT_FALSE(dec("1").round(-1, Rounding::half_up));
}

TEST(Decimal, compares_by_value_whatever_the_scales_are) {
    const std::string_view ascending[] = {"-1e35",
                                          "-2",
                                          "-1.5",
                                          "-1.000000000000000001",
                                          "-0.1",
                                          "0",
                                          "0.000000000000000001",
                                          "0.1",
                                          "0.11",
                                          "1",
                                          "999999999999999999.999999999999999999",
                                          "1e18",
                                          "999999999999999999999999999999999999"};
    for (std::size_t i = 0; i < std::size(ascending); ++i)
        for (std::size_t k = 0; k < std::size(ascending); ++k) {
            EXPECT_EQ(dec(ascending[i]) < dec(ascending[k]), i < k);
            EXPECT_EQ(dec(ascending[i]) == dec(ascending[k]), i == k);
        }
    EXPECT_EQ(dec("1.0"), dec("1.000"));
    EXPECT_EQ(dec("100"), dec("1e2"));
}

TEST(Decimal, converts_to_and_from_whole_and_json_numbers) {
    EXPECT_EQ(dec("42.00").to_int64(), 42);
    EXPECT_EQ(dec("-9223372036854775808").to_int64(), INT64_MIN);
    EXPECT_EQ(dec("9223372036854775807").to_int64(), INT64_MAX);
    EXPECT_FALSE(dec("9223372036854775808").to_int64());
    EXPECT_FALSE(dec("0.5").to_int64());
    EXPECT_EQ(Decimal{INT64_MIN}.to_text(), "-9223372036854775808");
    EXPECT_EQ(Decimal::of_parts(-5, 2)->to_text(), "-0.05");
    EXPECT_FALSE(Decimal::of_parts(5, 19));
    EXPECT_EQ(Decimal::from(json::Number{"12500.10"})->to_number(), json::Number{"12500.10"});
    EXPECT_EQ(dec("12.500").trimmed().to_text(), "12.5");
    EXPECT_EQ(dec("-12.000").abs().trimmed().to_text(), "12");
    EXPECT_TRUE(dec("3.00").is_whole());
    EXPECT_FALSE(dec("3.01").is_whole());
}

TEST(Decimal, sums_of_cents_stay_exact) {
    Decimal total;
    for (int i = 0; i < 10'000; ++i) total = total.plus(dec("0.01")).value();
    EXPECT_EQ(total.to_text(), "100.00");
}

TEST(Decimal, rounding_modes_have_names) {
    EXPECT_EQ(rounding_named("half_even"), Rounding::half_even);
    EXPECT_EQ(rounding_named("ceiling"), Rounding::ceiling);
    EXPECT_FALSE(rounding_named("nearest"));
}

}  // namespace
}  // namespace blotter
