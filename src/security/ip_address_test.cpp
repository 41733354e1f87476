#include "security/ip_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::security {
namespace {

using testing::HasSubstr;

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}
Cidr cidr(std::string_view text) {
    return *Cidr::parse(text);
}

TEST(IpAddress, reads_and_writes_the_usual_forms) {
    const struct {
        std::string_view text, normal;
    } cases[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::ffff:127.0.0.1", "::ffff:127.0.0.1"},
        {"::ffff:7f00:1", "::ffff:127.0.0.1"},
        {"64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe"},
    };
    for (const auto& c : cases) {
        const auto address = IpAddress::parse(c.text);
        ASSERT_TRUE(address) << c.text;
        EXPECT_EQ(to_text(*address), c.normal);
        EXPECT_EQ(IpAddress::from_bytes(address->view()), *address);
    }
    EXPECT_EQ(ip("::ffff:10.1.2.3").unmapped(), ip("10.1.2.3"));
    EXPECT_EQ(ip("::10.1.2.3").unmapped(), ip("::10.1.2.3"));
    EXPECT_NE(ip("1.2.3.4"), ip("102:304::"));
}

TEST(IpAddress, refuses_every_odd_form) {
    using namespace std::string_view_literals;
    const std::string long_text(1000, '1');
    for (const std::string_view text : {""sv,
                                        "127.1"sv,
                                        "0"sv,
                                        "2130706433"sv,
                                        "0x7f000001"sv,
                                        "0x7f.0.0.1"sv,
                                        "017700000001"sv,
                                        "0177.0.0.1"sv,
                                        "127.0.0.01"sv,
                                        "127.0.0.1."sv,
                                        ".127.0.0.1"sv,
                                        "256.0.0.1"sv,
                                        "1.2.3.4.5"sv,
                                        " 1.2.3.4"sv,
                                        "1.2.3.4 "sv,
                                        "1.2.3.4\0"sv,
                                        "1.2.3.-4"sv,
                                        "+1.2.3.4"sv,
                                        "[::1]"sv,
                                        "fe80::1%eth0"sv,
                                        "fe80::1%25eth0"sv,
                                        ":::"sv,
                                        "1:2:3:4:5:6:7"sv,
                                        "1:2:3:4:5:6:7:8:9"sv,
                                        "::12345"sv,
                                        "::ffff:127.1"sv,
                                        "::ffff:0177.0.0.1"sv,
                                        "::g"sv,
                                        "１２７.0.0.1"sv,
                                        "localhost"sv,
                                        std::string_view{long_text}}) {
        const auto address = IpAddress::parse(text);
        ASSERT_FALSE(address) << text;
        EXPECT_LT(address.error().detail.size(), 200u);
    }
    for (const std::size_t size : {0, 3, 5, 15, 17})
        EXPECT_FALSE(IpAddress::from_bytes(Bytes(size, 1)));
}

TEST(Cidr, holds_exactly_the_addresses_of_its_prefix) {
    const struct {
        std::string_view block, first, last, before, after;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
        {"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
        {"100.64.0.0/10", "100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"},
        {"192.0.2.7/32", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"},
        {"192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"},
        {"2000::/3", "2000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::"},
        {"fe80::/10", "fe80::", "febf:ffff::", "fe7f:ffff::", "fec0::"},
        {"::1", "::1", "::1", "::", "::2"},
    };
    for (const auto& c : cases) {
        EXPECT_TRUE(cidr(c.block).contains(ip(c.first))) << c.block;
        EXPECT_TRUE(cidr(c.block).contains(ip(c.last))) << c.block;
        EXPECT_FALSE(cidr(c.block).contains(ip(c.before))) << c.block;
        EXPECT_FALSE(cidr(c.block).contains(ip(c.after))) << c.block;
    }
    EXPECT_TRUE(cidr("0.0.0.0/0").contains(ip("203.0.113.9")));
    EXPECT_FALSE(cidr("0.0.0.0/0").contains(ip("::1"))) << "families never mix";
    EXPECT_FALSE(cidr("::/0").contains(ip("1.2.3.4")));
    EXPECT_TRUE(cidr("10.0.0.0/8").contains(cidr("10.2.0.0/16")));
    EXPECT_TRUE(cidr("10.0.0.0/8").contains(cidr("10.0.0.0/8")));
    EXPECT_FALSE(cidr("10.0.0.0/8").contains(cidr("10.0.0.0/7")));
    EXPECT_FALSE(cidr("10.0.0.0/8").contains(cidr("11.0.0.0/16")));
    EXPECT_EQ(to_text(cidr("2001:DB8::/32")), "2001:db8::/32");
    EXPECT_EQ(to_text(cidr("192.0.2.7")), "192.0.2.7/32");
}

TEST(Cidr, refuses_loose_texts_and_suggests_what_was_meant) {
    for (const std::string_view text :
         {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8 ",
          "10.0.0.0/8/8", "10/8", "::/129", "10.0.0.0/+8", "10.0.0.0/9999999999999"})
        EXPECT_FALSE(Cidr::parse(text)) << text;
    EXPECT_THAT(Cidr::parse("10.1.2.3/8").error().detail, HasSubstr("10.0.0.0/8"));
    EXPECT_THAT(Cidr::parse("2001:db8::1/32").error().detail, HasSubstr("2001:db8::/32"));
    EXPECT_THAT(Cidr::parse("::ffff:10.0.0.0/104").error().detail, HasSubstr("IPv4 block"));
}

}  // namespace
}  // namespace blotter::security
