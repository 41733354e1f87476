#include "model/request_form.hpp"

#include <random>

#include <gtest/gtest.h>

namespace blotter {
namespace {

const RequestForm::Place place{*EventId::parse("evt_01J9ZC3M4N0000000000000001"),
                               from_ms(1'795'449'881'744)};

Bytes counted(std::size_t size, int from = 1) {
    Bytes out(size);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(from++);
    return out;
}

RequestForm::Split split(std::string_view lines) {
    return RequestForm::split("", lines, place);
}
std::string joined(const RequestForm::Split& parts, const RequestForm::Place& at = place) {
    return RequestForm::join(parts.form->text(), at, as_bytes(parts.own)).value();
}

TEST(RequestForm, what_differs_from_attempt_to_attempt_is_no_part_of_the_form) {
    const std::string v1 = to_base64(counted(32));
    const std::string v1a = to_base64(counted(64, 100));
    const std::string hex = to_hex(counted(32, 7));
    const std::string lines =
        "webhook-id: evt_01J9ZC3M4N0000000000000001\r\n"
        "webhook-timestamp: 1795449881\r\n"
        "webhook-signature: v1," +
        v1 + " v1a," + v1a +
        "\r\n"
        "x-signature: t=1795449881,v1=" +
        hex + "\r\n";
    const RequestForm::Split parts = split(lines);
    EXPECT_EQ(parts.form->text(),
              "webhook-id: \x01\r\nwebhook-timestamp: \x02\r\n"
              "webhook-signature: v1,\x03 v1a,\x04\r\nx-signature: t=\x02,v1=\x05\r\n");
    EXPECT_EQ(parts.own.size(), 128U) << "the bytes of the signatures";
    EXPECT_EQ(joined(parts), lines);

    const RequestForm::Place other{*EventId::parse("evt_01J9ZC3M4N0000000000000002"),
                                   place.started_at + std::chrono::milliseconds{256}};
    EXPECT_TRUE(
        joined(parts, other)
            .starts_with(
                "webhook-id: evt_01J9ZC3M4N0000000000000002\r\nwebhook-timestamp: 1795449882\r\n"));
}

TEST(RequestForm, what_only_looks_alike_stays_as_it_is) {
    const std::string v1 = to_base64(counted(32));
    std::string unused_bits = v1;
    unused_bits[42] = 'B';
    std::string upper = to_hex(counted(32, 0xa0));
    for (char& c : upper) c = c >= 'a' ? static_cast<char>(c - 32) : c;
    for (const std::string& text :
         {std::string{}, std::string{"17954498810"}, std::string{"x1795449881"},
          std::string{"evt_01J9ZC3M4N0000000000000003"}, unused_bits, upper, v1.substr(1), "A" + v1,
          v1.substr(0, 43), to_hex(counted(31)), to_hex(counted(33))}) {
        const RequestForm::Split parts = split(text);
        EXPECT_EQ(parts.form->text(), text);
        EXPECT_EQ(parts.own, "");
    }
    EXPECT_EQ(split(v1 + "==").form->text(), "\x03==") << "a signature, and more";
    EXPECT_EQ(joined(split(v1 + "==")), v1 + "==");
}

TEST(RequestForm, what_could_be_taken_for_a_mark_becomes_a_space) {
    for (const char mark : {'\x01', '\x02', '\x03', '\x04', '\x05'}) {
        const std::string text = std::string{"x: "} + mark + "1795449881";
        EXPECT_EQ(RequestForm::split(text, text, place).form->text(), "x:  1795449881x:  \x02");
    }
}

TEST(RequestForm, the_head_is_not_looked_into) {
    const std::string head = "webhook-id: evt_01J9ZC3M4N0000000000000001\r\n";
    const auto parts = RequestForm::split(head, head, place);
    EXPECT_EQ(parts.form->text(), head + "webhook-id: \x01\r\n");
    EXPECT_EQ(joined(parts), head + head);
    EXPECT_EQ(RequestForm::plain(head)->text(), head);
}

TEST(RequestForm, takes_lines_of_its_own_form_and_no_others) {
    const auto lines = [](const std::string& id, const std::string& second, const Bytes& value) {
        return "id: " + id + "\r\nat: " + second + "\r\nsign: v1," + to_base64(value) + "\r\n";
    };
    const std::string id = place.event.text();
    const auto first = RequestForm::split("POST\r\n", lines(id, "1795449881", counted(32)), place);
    const RequestForm::Place later{*EventId::parse("evt_01J9ZC3M4N0000000000000002"),
                                   place.started_at + std::chrono::seconds{1}};
    const std::string next = lines(later.event.text(), "1795449882", counted(32, 9));
    std::string own = "as before";
    ASSERT_TRUE(first.form->take(next, later, own));
    EXPECT_EQ(as_bytes(own).size(), 32U);
    EXPECT_EQ(RequestForm::join(first.form->text(), later, as_bytes(own)).value(),
              "POST\r\n" + next);

    own = "as before";
    for (const std::string& other :
         {lines(id, "1795449882", counted(32)),
          lines(later.event.text(), "1795449881", counted(32)),
          lines(later.event.text(), "1795449882", counted(33)),
          lines(later.event.text(), "1795449882", counted(64)), next + "x", next.substr(1),
          next.substr(0, next.size() - 1), next.substr(0, 40), std::string{}})
        EXPECT_FALSE(first.form->take(other, later, own)) << other;
    EXPECT_EQ(own, "as before");
}

TEST(RequestForm, bytes_that_are_cut_or_too_many_are_refused) {
    const auto parts = split("a: " + to_base64(counted(32)));
    for (const std::string& own : {std::string{}, parts.own.substr(1), parts.own + "x"})
        EXPECT_EQ(RequestForm::join(parts.form->text(), place, as_bytes(own)).error().code,
                  Errc::corrupt);
}

TEST(RequestForm, any_lines_come_back_as_they_were) {
    std::mt19937_64 random{11};
    const auto below = [&](std::size_t n) { return random() % n; };
    std::shared_ptr<const RequestForm> before;
    for (int round = 0; round < 20'000; ++round) {
        std::string lines;
        for (std::size_t piece = below(12); piece > 0; --piece) {
            switch (below(8)) {
                case 0:
                    lines += place.event.text();
                    break;
                case 1:
                    lines += "1795449881";
                    break;
                case 2:
                    lines += to_base64(counted(below(70), static_cast<int>(below(256))));
                    break;
                case 3:
                    lines += to_hex(counted(below(40), static_cast<int>(below(256))));
                    break;
                case 4:
                    lines.append(below(90), "Aa0+/=_"[below(7)]);
                    break;
                default:
                    lines += ", =:\r\n\tv1"[below(9)];
            }
        }
        const RequestForm::Split parts = split(lines);
        ASSERT_EQ(joined(parts), lines) << "round " << round;
        std::string own;
        ASSERT_TRUE(parts.form->take(lines, place, own)) << "round " << round;
        ASSERT_EQ(own, parts.own);
        // Whatever another form takes comes back as well.
        if (before && before->take(lines, place, own)) {
            ASSERT_EQ(RequestForm::join(before->text(), place, as_bytes(own)).value(), lines);
        }
        before = parts.form;
    }
}

}  // namespace
}  // namespace blotter
